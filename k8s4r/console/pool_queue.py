"""What waits in a pool and why, and who was given what last? Read from the rows there are."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.models import BooleanField, Count, ExpressionWrapper, Min, Q

from executors.core.codes import SENTENCES, WaitingCode
from executors.core.lifecycle import ATTEMPT_CURRENT, TaskState
from executors.models import Attempt, Requirement, Task
from pools.models import Decision, Pool

MOST_GROUPS: Final = 20
MOST_DECISIONS: Final = 20
MOST_PASSES: Final = 10


@dataclass(frozen=True, slots=True)
class Group:
    """Tasks that wait for the same reason; ``oldest`` is when the first was submitted."""

    code: str
    sentence: str
    count: int
    oldest: datetime
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


def waiting(pool: Pool) -> list[Group]:
    """Return what waits, by reason, the longest-waiting first; two queries."""
    rows = (
        Task.objects.filter(pool=pool, state=TaskState.PENDING)
        .order_by()
        .annotate(is_due=ExpressionWrapper(Q(run_after=None), output_field=BooleanField()))
        .values_list("requirement_id", "is_due")
        .annotate(count=Count("pk"), oldest=Min("submitted_at"))
    )
    found = list(rows)
    needs = Requirement.objects.in_bulk([row[0] for row in found])
    groups: dict[str, Group] = {}
    for requirement_id, is_due, count, oldest in found:
        need = needs[requirement_id]
        code = need.waiting_code if is_due else str(WaitingCode.RETRY_BACKOFF)
        groups[code] = _joined(groups.get(code), code, need, count, oldest)
    return sorted(groups.values(), key=lambda group: group.oldest)[:MOST_GROUPS]


def _joined(
    group: Group | None, code: str, need: Requirement, count: int, oldest: datetime
) -> Group:
    sentence = SENTENCES[WaitingCode(code)] if code else "Not looked at yet."
    labels = ", ".join(f"{key}={value}" for key, value in sorted(need.labels.items()))
    needs = (labels,) if labels else ()
    if group is None:
        return Group(code, sentence, count, oldest, needs)
    every = tuple(dict.fromkeys([*group.needs, *needs]))
    return Group(code, sentence, group.count + count, min(group.oldest, oldest), every)


def given(pool: Pool) -> list[Given]:
    """Return to whom tasks of this pool were given last, the newest first; one query.

    Read along the newest tasks, for which there is an index: an old task that is tried again
    only now is not among them.
    """
    newest = Task.objects.filter(project_id=pool.project_id, pool=pool, attempts_made__gt=0)
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
    """Return what the last passes did, the newest first; one query."""
    rows = Decision.objects.filter(pool=pool).order_by("-id")[:MOST_PASSES]
    return [Pass(row.at, row.placed, dict(row.left)) for row in rows]


def held(pool: Pool) -> int:
    """Return how many slots hold tasks of this pool now."""
    rows = Attempt.objects.filter(state__in=sorted(ATTEMPT_CURRENT), task__pool=pool)
    return rows.count()
