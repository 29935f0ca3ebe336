"""How are tasks and their attempts locked? Tasks first, then attempts, each by primary key."""

from collections.abc import Collection, Iterable
from uuid import UUID

from django.db.models import QuerySet

from executors.core.lifecycle import CURRENT_WORDS
from executors.models import Attempt, Task


def tasks(ids: Collection[UUID]) -> dict[UUID, Task]:
    """Lock these tasks, waiting for others; a task that does not exist is absent."""
    rows = Task.objects.filter(pk__in=ids).order_by("pk")
    return {task.pk: task for task in rows.select_for_update(of=("self",), no_key=True)}


def free_tasks(candidates: QuerySet[Task], *, limit: int) -> dict[UUID, UUID]:
    """Lock the first ``limit`` candidates, leaving out what others hold or have just changed.

    Two statements: the candidates come by the index of their own order, the locks by pk.

    Returns:
        The pool of each locked task.
    """
    ids = list(candidates.values_list("pk", flat=True)[:limit])
    rows = candidates.filter(pk__in=ids).order_by("pk")
    locked = rows.select_for_update(of=("self",), no_key=True, skip_locked=True)
    return dict(locked.values_list("pk", "pool_id"))


def free_of(task_ids: Iterable[UUID]) -> frozenset[UUID]:
    """Lock these tasks, leaving out what others hold."""
    rows = Task.objects.filter(pk__in=list(task_ids)).order_by("pk")
    locked = rows.select_for_update(of=("self",), no_key=True, skip_locked=True)
    return frozenset(locked.values_list("pk", flat=True))


def current_attempts(task_ids: Iterable[UUID]) -> dict[UUID, Attempt]:
    """Lock the current attempts of tasks that the caller has locked; by task."""
    rows = Attempt.objects.filter(task_id__in=list(task_ids), state__in=CURRENT_WORDS)
    locked = rows.order_by("pk").select_for_update(of=("self",), no_key=True)
    return {attempt.task_id: attempt for attempt in locked}
