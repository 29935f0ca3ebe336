"""How does a cancel end a task? At once while nothing of it runs, else through its agent."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import transaction

from executors import wakeups
from executors.core.lifecycle import AttemptEvent, AttemptState, StopReason, TaskEvent, TaskState
from executors.models import Attempt, Task
from executors.services import adoption, locking, transitions
from executors.services.transitions import AttemptMove, TaskMove
from k8s4r.audit import attribution
from k8s4r.audit.attribution import Actor
from k8s4r.core.errors import DomainError, IllegalTransition, NeedsResolution, NotFound

CANCELLED: Final = "cancelled"
_STILL: Final = frozenset({TaskState.PENDING, TaskState.APPLY_PENDING})
_STOPPABLE: Final = frozenset({AttemptState.ASSIGNED, AttemptState.RUNNING, AttemptState.STOPPING})


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelOutcome:
    """What became of one task.

    ``stopping``: its agent was told, and its end will make it cancelled. ``refusal``: nothing was
    changed, and this error says why.
    """

    state: TaskState | None = None
    stopping: bool = False
    refusal: DomainError | None = None


@transaction.atomic
def cancel(
    task_ids: Collection[UUID], *, actor: Actor, now: datetime
) -> Mapping[UUID, CancelOutcome]:
    """Cancel tasks, each as far as its state allows, in a constant number of statements.

    Asking again is a success while the task is stopping. A stop that was asked for by a deadline
    becomes a cancel: the task then ends as cancelled and is not tried again.

    Locks: the tasks, then their current attempts, each by pk.
    """
    tasks = locking.tasks(task_ids)
    attempts = locking.current_attempts(tasks)
    attribution.attribute(actor, cause="cancel")
    waiting = [task for task in tasks.values() if task.state in _STILL]
    held = {one.pk: one.agent_id for one in attempts.values() if one.state == AttemptState.HELD}
    adoption.release(held, CANCELLED, now=now, stop_reason=StopReason.CANCEL)
    moved = transitions.move_tasks([_ended(task, now=now) for task in waiting], now=now)
    stopping = _stop(
        [attempt for attempt in attempts.values() if attempt.state in _STOPPABLE], now=now
    )
    return {
        task_id: CancelOutcome(state=moved[task_id])
        if task_id in moved
        else _outcome(task_id, tasks.get(task_id), stopping=task_id in stopping)
        for task_id in task_ids
    }


def _ended(task: Task, *, now: datetime) -> TaskMove:
    return TaskMove(
        task_id=task.pk, event=TaskEvent.CANCELLED, reason=CANCELLED, message="", ended_at=now
    )


def _stop(attempts: Collection[Attempt], *, now: datetime) -> frozenset[UUID]:
    """Ask the agents of these attempts to stop them; return their tasks."""
    transitions.move_attempts(
        [
            AttemptMove(
                attempt_id=attempt.pk, event=AttemptEvent.STOP, stop_reason=StopReason.CANCEL
            )
            for attempt in attempts
            if attempt.stop_reason != StopReason.CANCEL
        ],
        now=now,
    )
    task_ids = frozenset(attempt.task_id for attempt in attempts)
    transitions.request_stop(sorted(task_ids), now=now)
    wakeups.news_for({attempt.agent_id for attempt in attempts})
    return task_ids


def _outcome(task_id: UUID, task: Task | None, *, stopping: bool) -> CancelOutcome:
    if task is None:
        return CancelOutcome(refusal=NotFound(f"there is no task {task_id}"))
    state = TaskState(task.state)
    if stopping:
        return CancelOutcome(state=state, stopping=True)
    if state is TaskState.UNKNOWN:
        refusal: DomainError = NeedsResolution(
            f"task {task_id} may still run on an agent that is away: say how it ended"
        )
    else:
        refusal = IllegalTransition(f"task {task_id} is {state}: there is nothing to cancel")
    return CancelOutcome(state=state, refusal=refusal)
