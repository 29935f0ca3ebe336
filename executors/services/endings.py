"""What becomes of tasks whose attempts have just ended? Decided by the rules, written as moves.

For everything that ends attempts: reports, sessions, expiry, cancellation.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Final
from uuid import UUID

from executors.core.endings import Aftermath, AttemptEnd, after
from executors.core.lifecycle import TaskEvent, TaskState
from executors.services import capacity, transitions
from executors.services.rows import LockedTask
from executors.services.transitions import TaskMove

NO_GRACE = timedelta(0)
# What leaves the task with a current attempt.
_OPEN: Final = frozenset({TaskEvent.PLANNED, TaskEvent.UNSURE})


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedAttempt:
    """An attempt that ended in this transaction, as far as its agent has anything to say.

    A plan may be held, and an apply be unknown: then its task has not ended.
    """

    attempt_id: UUID
    task_id: UUID
    agent_id: UUID
    end: AttemptEnd
    at: datetime
    message: str = ""
    exit_code: int | None = None
    signal: int | None = None
    started_at: datetime | None = None


def task_moves(
    ended: Iterable[EndedAttempt],
    tasks: Mapping[UUID, LockedTask],
    *,
    now: datetime,
    requeue_grace: timedelta = NO_GRACE,
) -> list[TaskMove]:
    """Return the move of each task whose attempt ended.

    Args:
        tasks: the tasks as locked in this transaction.
        requeue_grace: how long work that nobody saw end waits before it starts elsewhere.
    """
    return [_move(one, _decide(one, tasks[one.task_id], requeue_grace), now=now) for one in ended]


def settle(
    ended: Collection[EndedAttempt],
    tasks: Mapping[UUID, LockedTask],
    *,
    now: datetime,
    requeue_grace: timedelta = NO_GRACE,
) -> dict[UUID, TaskState]:
    """Move the tasks of ended attempts, and say after the commit that slots are free.

    Locks: expects the tasks to be locked by the caller.

    Returns:
        The new state of each task that moved.
    """
    if not ended:
        return {}
    moves = task_moves(ended, tasks, now=now, requeue_grace=requeue_grace)
    moved = transitions.move_tasks(moves, now=now)
    capacity.freed({one.agent_id for one in ended})
    return moved


def _decide(one: EndedAttempt, task: LockedTask, requeue_grace: timedelta) -> Aftermath:
    # The jitter is drawn per attempt: the same attempt gets the same delay in a repeated try.
    draw = Random(one.attempt_id.int)  # noqa: S311 - spreads retries, keeps no secret
    return after(one.end, task.facts, requeue_grace=requeue_grace, random=draw)


def _move(one: EndedAttempt, aftermath: Aftermath, *, now: datetime) -> TaskMove:
    if aftermath.event in _OPEN:
        return TaskMove(
            task_id=one.task_id,
            event=aftermath.event,
            reason=aftermath.reason,
            message=one.message,
            started_at=one.started_at,
        )
    if aftermath.event is TaskEvent.RETURNED:
        delay = aftermath.delay or timedelta(0)
        return TaskMove(
            task_id=one.task_id,
            event=aftermath.event,
            reason=aftermath.reason,
            message=one.message,
            run_after=now + delay if delay else None,
        )
    return TaskMove(
        task_id=one.task_id,
        event=aftermath.event,
        reason=aftermath.reason,
        message=one.message,
        exit_code=one.exit_code,
        signal=one.signal,
        started_at=one.started_at,
        ended_at=one.at,
    )
