"""How does the whole platform stand? A handful of counts, each one query."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Count, F, Min, Q, QuerySet
from django.db.models.functions import Extract, Floor

from agents.core.states import Desired, Observed
from agents.models import Agent, Slot
from executors.core.leases import PulseSource
from executors.core.lifecycle import CURRENT_WORDS, TASK_TERMINAL, TaskState
from executors.models import Attempt, Pulse, Task
from executors.services.pulses import AUDIT_SEAL, BACKUP

FAILED: Final = frozenset({TaskState.FAILED, TaskState.TIMED_OUT})
DAY: Final = timedelta(days=1)
HOUR: Final = timedelta(hours=1)
# How long each part may be silent: a few of its own periods. Any other is a queue's canary.
_SILENT_FOR: Final = {
    str(PulseSource.GATEWAY): timedelta(seconds=30),
    str(PulseSource.SWEEPER): timedelta(seconds=30),
    AUDIT_SEAL: timedelta(minutes=5),
}
_QUEUE_SILENT_FOR: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Queue:
    """What waits for an agent; ``oldest`` is when its longest-waiting task was submitted."""

    waiting: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class Ended:
    """How tasks ended, by state."""

    by_state: Mapping[str, int]

    @property
    def total(self) -> int:
        return sum(self.by_state.values())

    @property
    def failed(self) -> int:
        return sum(count for state, count in self.by_state.items() if state in FAILED)

    @property
    def failed_percent(self) -> float:
        return round(100 * self.failed / self.total, 1) if self.total else 0.0


@dataclass(frozen=True, slots=True)
class Hour:
    """How many tasks ended in an hour that began ``back`` + 1 hours ago, and how many badly."""

    back: int
    ended: int
    failed: int

    @property
    def well(self) -> int:
        return self.ended - self.failed


@dataclass(frozen=True, slots=True)
class Slots:
    """Slots of agents that may get work now, and those of all agents that are in use."""

    used: int
    total: int

    @property
    def percent(self) -> int:
        return min(100, round(100 * self.used / self.total)) if self.total else 0


def queue(tasks: QuerySet[Task]) -> Queue:
    """Return how much waits and since when; tasks that wait for a later moment do not count."""
    found = tasks.filter(state=TaskState.PENDING, run_after=None).aggregate(
        waiting=Count("pk"), oldest=Min("submitted_at")
    )
    return Queue(found["waiting"], found["oldest"])


def open_tasks(tasks: QuerySet[Task]) -> Mapping[str, int]:
    """Return how many tasks are in each state that is not final."""
    rows = tasks.exclude(state__in=sorted(TASK_TERMINAL)).order_by()
    return dict(rows.values_list("state").annotate(Count("pk")))


def ended(tasks: QuerySet[Task], since: datetime) -> Ended:
    """Return how tasks ended since a moment."""
    rows = tasks.filter(ended_at__gte=since).order_by()
    return Ended(dict(rows.values_list("state").annotate(Count("pk"))))


def hours(tasks: QuerySet[Task], now: datetime) -> list[Hour]:
    """Return how many tasks ended in each of the last 24 hours, the oldest first; one query."""
    rows = (
        tasks.filter(ended_at__gte=now - DAY)
        .order_by()
        .annotate(back=Floor(Extract(now - F("ended_at"), "epoch") / HOUR.total_seconds()))
        .values_list("back")
        .annotate(all=Count("pk"), bad=Count("pk", filter=Q(state__in=sorted(FAILED))))
    )
    counted = {int(back): (every, bad) for back, every, bad in rows}
    return [Hour(back, *counted.get(back, (0, 0))) for back in reversed(range(24))]


def agents(seen: QuerySet[Agent]) -> Mapping[tuple[str, str], int]:
    """Return how many agents are observed and wanted how."""
    rows = seen.order_by()
    counted = rows.values_list("observed", "desired").annotate(Count("pk"))
    return {(observed, desired): count for observed, desired, count in counted}


def slots(seen: QuerySet[Agent]) -> Slots:
    """Return how many slots there are, and how many are in use."""
    working = Q(agent__observed=Observed.ONLINE, agent__desired=Desired.ACTIVE)
    ids = seen.order_by().values("pk")
    current = Attempt.objects.filter(agent__in=ids, state__in=CURRENT_WORDS)
    slots = Slot.objects.filter(working, agent__in=ids, retired_at=None)
    return Slots(current.count(), slots.count())


def missed_pulses(now: datetime) -> list[Pulse]:
    """Return the parts of the server that have not been heard for too long.

    A backup is no part: how old it is, `k8s4r doctor` and an alert say.
    """
    return [
        pulse
        for pulse in Pulse.objects.exclude(source=BACKUP).order_by("source")
        if now - pulse.seen_at > _SILENT_FOR.get(pulse.source, _QUEUE_SILENT_FOR)
    ]
