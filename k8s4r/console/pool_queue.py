"""What waits in a pool and why, and who was given what last? Only tasks that the viewer reads."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from executors import queues
from executors.core.lifecycle import CURRENT_WORDS
from executors.models import Attempt, Requirement
from executors.queues import Group
from executors.selectors import visible
from k8s4r.access.principals import Principal
from pools.models import Pool

MOST_DECISIONS: Final = 20
MOST_PASSES: Final = 10


@dataclass(frozen=True, slots=True)
class Waiting:
    """Tasks that wait for the same reason, and the labels that they need."""

    group: Group
    needs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Given:
    """One attempt that was given to an agent."""

    attempt: Attempt
    waited_s: float


@dataclass(frozen=True, slots=True)
class Pass:
    """One dispatch pass: how many tasks it gave away, and how many kinds it left, by code."""

    at: datetime
    placed: int
    left: Mapping[str, int]


def waiting(pool: Pool, viewer: Principal, *, now: datetime) -> list[Waiting]:
    """Return what waits, by reason, the longest-waiting first."""
    groups = queues.waiting(pool, viewer, now=now)
    groups.sort(key=lambda group: group.oldest_since)
    asked = {one for group in groups for one in group.requirement_ids}
    labels = {key: _labels(need) for key, need in Requirement.objects.in_bulk(asked).items()}
    return [Waiting(group, _needs(group, labels)) for group in groups]


def _labels(need: Requirement) -> str:
    return ", ".join(f"{key}={value}" for key, value in sorted(need.labels.items()))


def _needs(group: Group, labels: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(sorted({labels[one] for one in group.requirement_ids} - {""}))


def given(pool: Pool, viewer: Principal) -> list[Given]:
    """Return to whom tasks of the pool's own project were given last, the newest first; one query.

    Read along the newest tasks, for which there is an index: an old task that is tried again
    only now is not among them.
    """
    own = visible(viewer).filter(project_id=pool.project_id)
    newest = own.filter(pool=pool, attempts_made__gt=0)
    ids = list(
        newest.order_by("-submitted_at", "-id").values_list("pk", flat=True)[: 2 * MOST_DECISIONS]
    )
    rows = (
        Attempt.objects.filter(task__in=ids)
        .select_related("task", "agent", "slot")
        .order_by("-assigned_at")[:MOST_DECISIONS]
    )
    return [Given(one, (one.assigned_at - one.task.submitted_at).total_seconds()) for one in rows]


def passes(pool: Pool) -> list[Pass]:
    """Return what the last passes did, the newest first: numbers alone; one query."""
    rows = queues.decisions(pool).order_by("-id")[:MOST_PASSES]
    return [Pass(row.at, row.placed, dict(row.left)) for row in rows]


def held(pool: Pool) -> int:
    """Return how many slots hold tasks of this pool now, whosever: its limit counts them all."""
    rows = Attempt.objects.filter(state__in=CURRENT_WORDS, task__pool=pool)
    return rows.count()
