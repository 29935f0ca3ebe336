"""How does the whole platform stand? A handful of counts, each one query."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Count, Min, Q

from agents.core.states import Desired, Observed
from agents.models import Agent, Slot
from executors.core.lifecycle import ATTEMPT_CURRENT, TASK_TERMINAL, TaskState
from executors.models import Attempt, Pulse, Task

DAY: Final = timedelta(days=1)
HOUR: Final = timedelta(hours=1)
# Gateways and workers write a pulse every few seconds.
PULSE_MISSED_AFTER: Final = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Queue:
    """What waits for an agent; ``oldest`` is when its longest-waiting task was submitted."""

    waiting: int
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class Slots:
    """Slots of agents that may get work now, and those of all agents that are in use."""

    used: int
    total: int

    @property
    def percent(self) -> int:
        return min(100, round(100 * self.used / self.total)) if self.total else 0


def queue() -> Queue:
    """Return how much waits and since when; tasks that wait for a later moment do not count."""
    found = Task.objects.filter(state=TaskState.PENDING, run_after=None).aggregate(
        waiting=Count("pk"), oldest=Min("submitted_at")
    )
    return Queue(found["waiting"], found["oldest"])


def open_tasks() -> Mapping[str, int]:
    """Return how many tasks are in each state that is not final."""
    rows = Task.objects.exclude(state__in=sorted(TASK_TERMINAL)).order_by()
    return dict(rows.values_list("state").annotate(Count("pk")))


def ended(since: datetime) -> Mapping[str, int]:
    """Return how many tasks ended in each state since a moment."""
    rows = Task.objects.filter(ended_at__gte=since).order_by()
    return dict(rows.values_list("state").annotate(Count("pk")))


def agents() -> Mapping[tuple[str, str], int]:
    """Return how many agents are observed and wanted how."""
    rows = Agent.objects.filter(archived_at=None).order_by()
    counted = rows.values_list("observed", "desired").annotate(Count("pk"))
    return {(observed, desired): count for observed, desired, count in counted}


def slots() -> Slots:
    """Return how many slots there are, and how many are in use."""
    working = Q(agent__observed=Observed.ONLINE, agent__desired=Desired.ACTIVE)
    used = Attempt.objects.filter(state__in=sorted(ATTEMPT_CURRENT)).count()
    return Slots(used, Slot.objects.filter(working, retired_at=None).count())


def missed_pulses(now: datetime) -> list[Pulse]:
    """Return the server processes that have not been heard for too long."""
    return list(Pulse.objects.filter(seen_at__lt=now - PULSE_MISSED_AFTER).order_by("source"))
