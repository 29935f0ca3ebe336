"""What does an operator see first: how much waits, what runs, and what needs a person?"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from agents.core.states import Desired, Observed
from agents.models import Agent
from executors.admin.task_page import title
from executors.core.codes import SENTENCES, WaitingCode
from executors.core.lifecycle import TaskState
from executors.models import Requirement, Task
from k8s4r.access.pages import may, within
from k8s4r.console import figures, hints, pod_needs
from k8s4r.console.needs import Need
from k8s4r.core.roles import Permission
from k8s4r.pages import ago, chip, now_of, span

_MOST: Final = 5
# Only a person can help here: time alone brings no room.
_STUCK: Final = frozenset(
    {
        WaitingCode.NO_AGENTS,
        WaitingCode.NO_AGENT_ONLINE,
        WaitingCode.LABELS_MISSING,
        WaitingCode.CAPABILITY_MISSING,
        WaitingCode.CONSTRAINT_UNMET,
        WaitingCode.PAUSED,
    }
)


@dataclass(frozen=True, slots=True)
class Seen:
    """The tasks and agents that exist for whoever looks."""

    tasks: QuerySet[Task]
    agents: QuerySet[Agent]


def _seen(request: HttpRequest) -> Seen:
    return Seen(
        within(request, Permission.TASKS_READ, Task.objects.all()),
        within(request, Permission.FLEET_READ, Agent.objects.filter(archived_at=None)),
    )


@dataclass(frozen=True, slots=True)
class Count:
    """A number with the list that it counts."""

    chip: SafeString
    number: int
    link: str


def context(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Return the context of the home page; a constant number of queries."""
    now, seen = now_of(request), _seen(request)
    queue, day = figures.queue(seen.tasks), figures.ended(seen.tasks, now - figures.DAY)
    hours = figures.hours(seen.tasks, now)
    context.update(
        waiting=queue.waiting,
        oldest=ago(queue.oldest, now) if queue.oldest else "",
        slots=figures.slots(seen.agents),
        hour=figures.ended(seen.tasks, now - figures.HOUR),
        day=day,
        hours=hours,
        most=max(1, *(one.ended for one in hours)),
        tasks=_tasks(seen, day.by_state),
        agents=_agents(seen),
        needs=[*_needs(seen, now), *pod_needs.troubles(request, now)],
        **pod_needs.facts(request),
        failures=_failures(seen, now),
        tasks_link=_tasks_link(),
        agents_link=reverse("admin:agents_agent_changelist"),
        may_add=may(request, Permission.TOKENS_WRITE),
    )
    return context


def _tasks(seen: Seen, ended: Mapping[str, int]) -> list[Count]:
    """Return tasks by state: those that are open now, and those that ended within a day."""
    counts = {**figures.open_tasks(seen.tasks), **ended}
    return [
        Count(chip(state), counts[state], _tasks_link(state))
        for state in TaskState
        if counts.get(state)
    ]


def _agents(seen: Seen) -> list[Count]:
    """Return agents by one word each: what is wanted of them when it is not work, else the fact."""
    words: dict[tuple[str, str], int] = {}
    for (observed, desired), count in figures.agents(seen.agents).items():
        wished = observed == Observed.ONLINE and desired != Desired.ACTIVE
        key = ("desired", desired) if wished else ("observed", observed)
        words[key] = words.get(key, 0) + count
    listed = reverse("admin:agents_agent_changelist")
    return [
        Count(chip(word), count, f"{listed}?{name}={word}")
        for (name, word), count in sorted(words.items())
    ]


def _needs(seen: Seen, now: datetime) -> list[Need]:
    return [
        *_parts(now),
        *_unknown(seen),
        *_plans(seen, now),
        *_agent_troubles(seen),
        *_stuck(seen, now),
    ]


def _parts(now: datetime) -> list[Need]:
    away = hints.away_since(now)
    redis = f"away for {span((now - away).total_seconds())}" if away else ""
    return [
        *([Need(chip("error"), "Redis is away", f"{redis}; work goes on, a little later", "")]
          if away else []),
        *_silent_parts(now),
    ]  # fmt: skip


def _silent_parts(now: datetime) -> list[Need]:
    return [
        Need(
            chip("error"),
            f"{pulse.source} is silent",
            f"not heard for {span((now - pulse.seen_at).total_seconds())}; the rest goes on",
            "",
        )
        for pulse in figures.missed_pulses(now)
    ]


def _unknown(seen: Seen) -> list[Need]:
    rows = seen.tasks.filter(state=TaskState.UNKNOWN).select_related("agent")
    return [
        Need(
            chip(task.state),
            str(task),
            f"its agent {task.agent or ''} is away; resolve it if you know how it ended",
            reverse("admin:executors_task_change", args=[task.pk]),
        )
        for task in rows.order_by("changed_at")[:_MOST]
    ]


def _plans(seen: Seen, now: datetime) -> list[Need]:
    rows = seen.tasks.filter(state=TaskState.APPLY_PENDING).select_related("owner")
    return [
        Need(
            chip(task.state),
            title(task),
            f"its plan waits for {span((now - task.changed_at).total_seconds())}: somebody else "
            f"than {task.owner} approves or rejects it",
            reverse("admin:executors_task_change", args=[task.pk]),
        )
        for task in rows.order_by("changed_at")[:_MOST]
    ]


def _agent_troubles(seen: Seen) -> list[Need]:
    troubled = seen.agents.filter(observed__in=[Observed.PENDING, Observed.ERROR])
    return [
        Need(
            chip(agent.observed),
            f"agent {agent.name}",
            agent.observed_reason or "it enrolled itself: approve it, or let it go",
            reverse("admin:agents_agent_change", args=[agent.pk]),
        )
        for agent in troubled.order_by("name")[:_MOST]
    ]


def _stuck(seen: Seen, now: datetime) -> list[Need]:
    """Return what waits for something that only a person can bring."""
    waiting = seen.tasks.filter(
        requirement=OuterRef("pk"), pool=OuterRef("pool"), state=TaskState.PENDING, run_after=None
    )
    oldest = Subquery(waiting.order_by("changed_at").values("changed_at")[:1])
    rows = Requirement.objects.filter(waiting_code__in=sorted(_STUCK)).annotate(oldest=oldest)
    stuck = rows.filter(oldest__isnull=False).select_related("pool").order_by("oldest")
    return [
        Need(
            chip("pending"),
            f"tasks wait in pool {row.pool.name} for {span((now - row.oldest).total_seconds())}",
            f"{row.waiting_code}: {SENTENCES[WaitingCode(row.waiting_code)]}",
            f"{_tasks_link('pending')}&pool__id__exact={row.pool_id}",
        )
        for row in stuck[:_MOST]
    ]


def _failures(seen: Seen, now: datetime) -> list[dict[str, Any]]:
    rows = seen.tasks.filter(state__in=sorted(figures.FAILED), ended_at__gte=now - figures.DAY)
    return [
        {
            "row": task,
            "title": Truncator(title(task)).chars(32),
            "why": _why(task),
            "chip": chip(task.state),
            "ago": ago(task.ended_at, now),
        }
        for task in rows.order_by("-ended_at")[:_MOST]
    ]


def _why(task: Task) -> str:
    """Return in two or three words why it ended like this."""
    by_number = {"exit_code": f"exit code {task.exit_code}", "signal": f"signal {task.signal}"}
    return by_number.get(task.reason, task.reason.replace("_", " "))


def _tasks_link(state: str = "") -> str:
    listed = reverse("admin:executors_task_changelist")
    return f"{listed}?state={state}" if state else listed
