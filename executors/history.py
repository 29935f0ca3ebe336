"""What happened to one thing, on one line of time? Events, and for a machine what it ran.

A machine's line goes on through restarts of its runner: it is tied to the agent, and each life of
the runner is an entry on it.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import F, Q, QuerySet

from agents.models import Session
from executors.core import specs
from executors.models import Attempt, Task
from k8s4r.access.models import OF_AGENTS, Token
from k8s4r.audit.models import AuditEvent
from k8s4r.audit.names import Names, member
from k8s4r.core.sentences import Told, sentence, shown
from pools.models import PodAction

PLATFORM: Final = "the platform"
# Where an entry comes from, in the order of those that carry the same time, the later one first.
EVENT, ENDED, BEGUN, GONE, CAME, DONE, ASKED = range(7)
# Their keys are numbers, those of the others ids.
NUMBERED: Final = frozenset({EVENT, DONE, ASKED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing that happened; ``source`` and ``key`` tell apart what happened at one time."""

    at: datetime
    source: int
    key: str
    sentence: str
    event: AuditEvent | None = None
    actor: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Place:
    """An entry by which a list goes on behind it."""

    at: datetime
    source: int
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """How much of a line is asked for, from the newest on; ``until`` itself is not in it.

    ``projects`` are those whose tasks may be named; None: every one. A machine in a shared pool
    runs tasks of others, too.
    """

    limit: int
    since: datetime | None = None
    until: datetime | None = None
    behind: Place | None = None
    projects: frozenset[UUID] | None = None


def of_object(object_ids: Collection[UUID], span: Span) -> list[Entry]:
    """Return the newest entries of what these ids stand for, the newest first."""
    return _newest(_events(object_ids, span), span)


def of_project_with_roles(project_id: UUID, span: Span) -> list[Entry]:
    """Return the newest entries of a project, and of who was given which role in it."""
    roles = AuditEvent.objects.filter(project_id=project_id, object_type="role")
    return _newest([*_events([project_id], span), *_told(roles, span)], span)


def of_agent(agent_id: UUID, span: Span) -> list[Entry]:
    """Return the newest entries of a machine: its events, its runner's lives, what it ran.

    What becomes of its tokens is on the line as well.
    """
    tokens = Token.objects.filter(kind__in=OF_AGENTS, subject=agent_id)
    told_of = [agent_id, *tokens.values_list("pk", flat=True)]
    entries = [*_events(told_of, span), *_runs(agent_id, span), *_lives(agent_id, span)]
    return _newest(entries, span)


def of_pod(pod_id: UUID, span: Span) -> list[Entry]:
    """Return the newest entries of a pod: its events, and what its cluster was asked to do."""
    return _newest([*_events([pod_id], span), *_actions(pod_id, span)], span)


def told(events: Sequence[AuditEvent], names: Names) -> list[tuple[str, str]]:
    """Return who acted and the sentence of each event."""
    return [(_actor(event, names), sentence(_in_words(event, names))) for event in events]


def _in_words(event: AuditEvent, names: Names) -> Told:
    return Told(
        kind=event.object_type,
        from_state=event.from_state,
        to_state=event.to_state,
        cause=event.cause,
        actor=_actor(event, names),
        via=_via(event, names),
        reason=str(event.detail.get("reason") or ""),
        number=event.detail.get("number"),
        member=_member(event, names),
        changes=names.changes(event),
    )


def _member(event: AuditEvent, names: Names) -> str:
    """Return what came into a pool, or who got a role."""
    if event.object_type == "role":
        return names.of_object(event)
    agent = member(event)
    return f"agent {names.of(agent) or agent}" if agent else ""


def _actor(event: AuditEvent, names: Names) -> str:
    known = names.of_actor(event) or event.actor_id
    if event.actor_kind == "user":
        return known or "somebody"
    return PLATFORM if event.actor_kind == "system" else f"{event.actor_kind} {known}"


def _via(event: AuditEvent, names: Names) -> str:
    """Return what a person used: the web has an address and no token."""
    if event.actor_kind != "user":
        return ""
    if event.token_id is None:
        return "web" if event.address else ""
    return f"token {names.of_token(event) or event.token_id}"


def _events(object_ids: Collection[UUID], span: Span) -> list[Entry]:
    return _told(AuditEvent.objects.filter(object_id__in=object_ids), span)


def _told(rows: QuerySet[AuditEvent], span: Span) -> list[Entry]:
    events = list(_cut(rows, span, EVENT, "at"))
    return [
        Entry(at=event.at, source=EVENT, key=str(event.pk), sentence=said, event=event, actor=who)
        for event, (who, said) in zip(events, told(events, Names(events)), strict=True)
    ]


def _runs(agent_id: UUID, span: Span) -> list[Entry]:
    """Return when an agent began and ended work; found by its sessions, which have an index."""
    rows = Attempt.objects.filter(
        session__in=Session.objects.filter(agent=agent_id).values("pk")
    ).select_related("task")
    if span.projects is not None:
        rows = rows.filter(task__project_id__in=span.projects)
    return _twice(rows, span, {"assigned_at": BEGUN, "ended_at": ENDED}, _run)


def _run(row: Attempt, at: datetime, source: int) -> Entry:
    what = f"{_called(row.task)} (attempt {row.number})"
    facts = {"task_id": row.task_id, "attempt_id": row.pk, "state": row.state}
    if source == BEGUN:
        said = f"got task {what}"
        return Entry(at=at, source=source, key=str(row.pk), sentence=said, facts=facts)
    code = "" if row.exit_code is None else f", exit code {row.exit_code}"
    is_said = row.reason in {"", row.state} or (bool(code) and row.reason == "exit_code")
    why = "" if is_said else f": {row.reason.replace('_', ' ')}"
    said = f"ended task {what}: {row.state.replace('_', ' ')}{code}{why}"
    return Entry(at=at, source=source, key=str(row.pk), sentence=said, facts=facts)


def _lives(agent_id: UUID, span: Span) -> list[Entry]:
    rows = Session.objects.filter(agent=agent_id)
    return _twice(rows, span, {"opened_at": CAME, "ended_at": GONE}, _life)


def _called(task: Task) -> str:
    """Return a task's name; one without is known by what it runs first."""
    first = specs.parts(task.kind, task.spec).get(specs.first_phase(task.kind), {})
    return task.name or "$ " + shown(" ".join(map(str, first.get("argv") or [task.driver])))


def _life(row: Session, at: datetime, source: int) -> Entry:
    version = f", version {row.version}" if row.version else ""
    slots = f"{row.slots} slot{'' if row.slots == 1 else 's'}"
    said = f"connected with {slots}{version}" if source == CAME else "its session ended"
    facts = {"session_id": row.pk}
    return Entry(at=at, source=source, key=str(row.pk), sentence=said, facts=facts)


def _actions(pod_id: UUID, span: Span) -> list[Entry]:
    rows = PodAction.objects.filter(pod=pod_id)
    return _twice(rows, span, {"created_at": ASKED, "done_at": DONE}, _action)


def _action(row: PodAction, at: datetime, source: int) -> Entry:
    is_late = source == ASKED and row.done_at is None and bool(row.error)
    late = f"; not done after {row.tries} tries: {shown(row.error)}" if is_late else ""
    said = f"its cluster was asked to {row.kind} it{late}"
    if source == DONE:
        said = f"its cluster is done: {row.kind}"
    facts = {"state": row.state}
    return Entry(at=at, source=source, key=str(row.pk), sentence=said, facts=facts)


def _twice(
    rows: QuerySet[Any],
    span: Span,
    sources: Mapping[str, int],
    entry: Callable[[Any, datetime, int], Entry],
) -> list[Entry]:
    """Return rows as they began and as they ended: sources by the column of their moment."""
    return [
        entry(row, row.moment, source)
        for column, source in sources.items()
        for row in _cut(rows.filter(**{f"{column}__isnull": False}), span, source, column)
    ]


def _cut(rows: QuerySet[Any], span: Span, source: int, column: str) -> QuerySet[Any]:
    """Return the newest rows of one source within the span, by the ``moment`` in a column."""
    rows = rows.annotate(moment=F(column))
    if span.since is not None:
        rows = rows.filter(moment__gte=span.since)
    if span.until is not None:
        rows = rows.filter(moment__lt=span.until)
    behind = span.behind
    if behind is not None:
        same = {"moment": behind.at}
        at_once = Q(**same, id__lt=behind.key) if source == behind.source else Q(**same)
        # At one time the lower source comes first: a higher one is still to come.
        later = Q(moment__lt=behind.at)
        rows = rows.filter(later | at_once if source >= behind.source else later)
    return rows.order_by("-moment", "-id")[: span.limit]


def _newest(entries: Iterable[Entry], span: Span) -> list[Entry]:
    """Merge the sources: by time downwards, then by source, then as each source has them."""
    by_source = sorted(entries, key=lambda entry: entry.source)
    return sorted(by_source, key=lambda entry: entry.at, reverse=True)[: span.limit]
