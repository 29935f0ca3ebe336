"""Which tasks get a pod of their own next, and which have had enough of them?"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from executors.core.fairness import Queued
from executors.core.lifecycle import TaskEvent
from executors.pod_loads import PodLoad
from executors.services import locking, transitions
from executors.services.transitions import TaskMove
from k8s4r import database
from pools.core.pods import COUNTED, PodFailure, PodState
from pools.services.pods import NewPod

# A task whose pods all failed before it began is not tried for ever.
MOST_PODS: Final = 5

# Those that let their task's place free: see the unique index of pods by task.
_LEFT: Final = frozenset({PodState.FAILED, PodState.DELETING})

# All pods that each task had, those that failed before it began on one, and what the last of these
# said.
_HAD: Final = """
SELECT pod.task_id, count(*), count(*) FILTER (WHERE NOT pod.failure = ''
           AND NOT EXISTS (SELECT 1 FROM executors_attempt a
                           WHERE a.task_id = pod.task_id AND a.agent_id = pod.agent_id)),
       (array_agg(pod.failure ORDER BY pod.created_at DESC))[1],
       (array_agg(pod.message ORDER BY pod.created_at DESC))[1]
FROM pools_pod pod WHERE pod.task_id = ANY(%(tasks)s) AND pod.task_id IS NOT NULL
GROUP BY pod.task_id
"""


@dataclass(frozen=True, slots=True)
class Turns:
    """The tasks that wait for a pod, in turn, and those that get none any more."""

    next: Sequence[NewPod]
    given_up: Sequence[TaskMove]


def turns(waiting: Sequence[Queued], loads: Collection[PodLoad], *, now: datetime) -> Turns:
    """Return who waits for a pod of its own; ``waiting`` is in turn, ``loads`` are all pods."""
    placed = {
        one.task_id for one in loads if one.state in COUNTED - _LEFT and one.task_id is not None
    }
    without = [queued.task_id for queued in waiting if queued.task_id not in placed]
    if not without:
        return Turns((), ())
    had = {row[0]: row[1:] for row in database.rows(_HAD, {"tasks": without})}
    over = {task for task, (_, failed, *_rest) in had.items() if failed >= MOST_PODS}
    return Turns(
        [NewPod(task_id=task, number=_number(had.get(task))) for task in without
         if task not in over],
        [_failed(task, had[task], now=now) for task in without if task in over],
    )  # fmt: skip


def give_up(moves: Sequence[TaskMove], *, now: datetime) -> int:
    """Fail the tasks whose pods never came to work, and say why; return how many.

    Locks: the tasks, by pk, skipping what others hold.
    """
    if not moves:
        return 0
    free = locking.free_of([move.task_id for move in moves])
    return len(transitions.move_tasks([one for one in moves if one.task_id in free], now=now))


def _number(had: tuple[Any, ...] | None) -> int:
    return 1 if had is None else had[0] + 1


def _failed(task_id: UUID, had: tuple[Any, ...], *, now: datetime) -> TaskMove:
    _, failed, code, message = had
    return TaskMove(
        task_id=task_id,
        event=TaskEvent.FAILED,
        reason=code or PodFailure.AGENT_NEVER_CONNECTED,
        message=f"{failed} pods for it failed before it began; the last said: {message}"[:4096],
        ended_at=now,
    )
