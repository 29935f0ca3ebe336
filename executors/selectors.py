"""Which tasks are there, and what happened to them? Reads only."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce

from executors.core.lifecycle import CURRENT_WORDS, TaskState
from executors.models import Annotation, Attempt, Task
from k8s4r import database
from k8s4r.access import selectors as access
from k8s4r.access.principals import Principal
from k8s4r.audit import readings
from k8s4r.audit.models import AuditEvent
from k8s4r.core import ids
from k8s4r.core.errors import NotFound
from k8s4r.core.roles import Permission

NEWEST_FIRST: Final = ("-id",)
ME: Final = "me"


class TaskRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A task as interfaces show it: its row, and the names of what it points to."""

    id: UUID
    name: str
    kind: str
    driver: str
    phase: str
    state: str
    project_id: UUID
    project_name: str
    pool_id: UUID
    pool_name: str
    owner_name: str
    parent_id: UUID | None
    labels: dict[str, str]
    required_labels: dict[str, str]
    constraints: list[Any]
    resources: dict[str, float]
    spec: dict[str, Any]
    priority: int
    submitted_at: datetime
    changed_at: datetime
    run_after: datetime | None = None
    queue_deadline_at: datetime | None
    run_timeout_s: int | None
    silence_timeout_s: int | None
    reservation_timeout_s: int
    lost_after_s: int
    disconnect: str
    retry: dict[str, Any]
    attempts_made: int = 0
    agent_id: UUID | None = None
    agent_name: str | None = None
    stop_requested_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    exit_code: int | None = None
    signal: int | None = None
    reason: str = ""
    message: str = ""
    log_bytes: int = 0
    progress: float | None = None
    progress_text: str = ""
    progress_at: datetime | None = None
    progress_attempt: int | None = None
    waiting_code: str = ""
    waiting_since: datetime | None = None


_JOINED: Final = {
    "project_name": "project__name",
    "pool_name": "pool__name",
    "owner_name": "owner__username",
    "agent_name": "agent__name",
    "constraints": "requirement__constraints",
    "resources": "requirement__resources",
    "waiting_code": "requirement__waiting_code",
    "waiting_since": "requirement__waiting_since",
}
_COLUMNS: Final = [_JOINED.get(field, field) for field in TaskRecord.__struct_fields__]


class TaskFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which tasks are asked for; what is empty does not restrict.

    ``owner`` is a user's name or id, or ``me`` for the caller; ``agent`` a name or an id.
    """

    states: frozenset[TaskState] = frozenset()
    project: str = ""
    pool: str = ""
    owner: str = ""
    agent: str = ""
    name: str = ""
    labels: dict[str, str] = {}
    agent_id: UUID | None = None
    parent_id: UUID | None = None
    id_range: tuple[UUID, UUID] | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None


class Counts(msgspec.Struct, frozen=True):
    """How many tasks there are, by state, and by pool as ``project/pool``."""

    total: int
    by_state: dict[str, int]
    by_pool: dict[str, int]


def visible(principal: Principal, needs: Permission = Permission.TASKS_READ) -> QuerySet[Task]:
    """Return the tasks of the projects where the caller may do this, in no order."""
    return access.within(Task.objects.order_by(), principal, needs)


def tasks(
    wanted: TaskFilter, principal: Principal, needs: Permission = Permission.TASKS_READ
) -> QuerySet[Task]:
    """Return the tasks that a filter lets through, in no order."""
    rows = visible(principal, needs)
    if wanted.states:
        rows = rows.filter(state__in=sorted(wanted.states))
    if wanted.name:
        rows = rows.filter(name=wanted.name)
    if wanted.labels:
        rows = labelled(rows, wanted.labels)
    if wanted.agent_id:
        rows = rows.filter(agent_id=wanted.agent_id)
    if wanted.parent_id:
        rows = rows.filter(parent_id=wanted.parent_id)
    if wanted.id_range:
        rows = rows.filter(pk__range=wanted.id_range)
    return _within(_in_place(_by_whom(rows, wanted, principal), wanted), wanted)


def labelled(rows: QuerySet[Task], labels: Mapping[str, str]) -> QuerySet[Task]:
    """Return those of the tasks that have all of these labels, of which there is at least one.

    The second condition says nothing new: it is that of the index.
    """
    assert labels, "tasks without a label are not in the index"
    return rows.filter(labels__contains=dict(labels)).exclude(labels={})


def not_run_again(rows: QuerySet[Task]) -> QuerySet[Task]:
    """Return those of the tasks that no other task repeats."""
    return rows.filter(~Exists(Task.objects.filter(parent_id=OuterRef("pk"))))


def counts(rows: QuerySet[Task]) -> Counts:
    """Count tasks by state and by pool, in one query."""
    found = (
        rows.order_by().values_list("state", "project__name", "pool__name").annotate(n=Count("pk"))
    )
    by_state: Counter[str] = Counter()
    by_pool: Counter[str] = Counter()
    for state, project, pool, count in found:
        by_state[state] += count
        by_pool[f"{project}/{pool}"] += count
    return Counts(by_state.total(), dict(by_state), dict(by_pool))


def records(rows: QuerySet[Task]) -> list[TaskRecord]:
    """Read tasks with the names of what they point to: one query."""
    return [
        TaskRecord(**dict(zip(TaskRecord.__struct_fields__, row, strict=True)))
        for row in rows.values_list(*_COLUMNS)
    ]


def task(
    task_id: UUID, principal: Principal, needs: Permission = Permission.TASKS_READ
) -> TaskRecord:
    """Return one task, for a call that needs this permission.

    Raises:
        NotFound: there is none, or not for this caller.
        Forbidden: the caller may see it, and no more.
    """
    found = records(visible(principal).filter(pk=task_id))
    if not found:
        raise NotFound(f"no task {task_id}")
    principal.require(needs, found[0].project_id)
    return found[0]


def attempts(principal: Principal) -> QuerySet[Attempt]:
    """Return the attempts that exist for the caller with their agents, newest first."""
    rows = Attempt.objects.select_related("agent").order_by("-id")
    return access.within(rows, principal, Permission.TASKS_READ)


def attempts_of(task_id: UUID) -> QuerySet[Attempt]:
    """Return the attempts of a task with their agents, first to last."""
    return Attempt.objects.filter(task_id=task_id).select_related("agent").order_by("number")


def annotations_of(task_id: UUID) -> QuerySet[Annotation]:
    """Return what the attempts of a task pinned to its page, oldest first, with their attempts."""
    rows = Annotation.objects.filter(attempt__task_id=task_id).select_related("attempt")
    return rows.order_by("id")


def events(task_id: UUID) -> QuerySet[AuditEvent]:
    """Return what happened to a task and to its attempts, in the order of the moves.

    Who read its log or a file is no move: the history of the task tells of that.
    """
    own = list(Attempt.objects.filter(task_id=task_id).values_list("pk", flat=True))
    found = AuditEvent.objects.filter(object_id__in=[task_id, *own]).order_by("id")
    return found.exclude(object_type__in=[readings.LOG, readings.ARTIFACT])


_HELD_BY_AGENT: Final = """
SELECT agent_id, count(*) FROM executors_attempt
WHERE agent_id = ANY(%(agents)s) AND state = ANY(%(current)s) GROUP BY agent_id
"""


def held_slots(agent_ids: Collection[UUID]) -> dict[UUID, int]:
    """Return how many slots of each agent have a current attempt; agents without one are absent."""
    parameters = {"agents": list(agent_ids), "current": CURRENT_WORDS}
    return dict(database.rows(_HELD_BY_AGENT, parameters)) if agent_ids else {}


def held_by_row() -> Combinable:
    """Return how many slots of the agent of a row have a current attempt, to annotate rows with."""
    current = Attempt.objects.filter(agent=OuterRef("pk"), state__in=CURRENT_WORDS).order_by()
    counted = current.values("agent").annotate(count=Count("pk")).values("count")
    return Coalesce(Subquery(counted), 0)


def existing(task_ids: Iterable[UUID], principal: Principal) -> Sequence[UUID]:
    """Return those of the ids that exist for the caller."""
    return list(visible(principal).filter(pk__in=list(task_ids)).values_list("pk", flat=True))


def _in_place(rows: QuerySet[Task], wanted: TaskFilter) -> QuerySet[Task]:
    if wanted.project:
        rows = rows.filter(named("project", wanted.project))
    if wanted.pool:
        rows = rows.filter(named("pool", wanted.pool))
    return rows


def _by_whom(rows: QuerySet[Task], wanted: TaskFilter, principal: Principal) -> QuerySet[Task]:
    if wanted.owner == ME:
        rows = rows.filter(owner_id=principal.id)
    elif wanted.owner:
        rows = rows.filter(named("owner", wanted.owner, column="username"))
    if wanted.agent:
        rows = rows.filter(named("agent", wanted.agent))
    return rows


def _within(rows: QuerySet[Task], wanted: TaskFilter) -> QuerySet[Task]:
    if wanted.created_after:
        rows = rows.filter(submitted_at__gt=wanted.created_after)
    if wanted.created_before:
        rows = rows.filter(submitted_at__lt=wanted.created_before)
    return rows


def named(relation: str, text: str, *, column: str = "name") -> Q:
    """Return the condition of belonging to something by its name or its id."""
    identity = ids.as_uuid(text)
    named = Q(**{f"{relation}__{column}": text})
    return named if identity is None else named | Q(**{f"{relation}_id": identity})
