"""How does a person end a task of which nobody knows whether it still runs?"""

from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from django.db import transaction

from executors.core.lifecycle import AttemptEvent, TaskEvent, TaskState
from executors.services import capacity, locking, transitions
from executors.services.transitions import AttemptMove, TaskMove
from k8s4r.audit import attribution
from k8s4r.audit.attribution import Actor
from k8s4r.core.errors import IllegalTransition, NotFound

RESOLVED: Final = "resolved"


class Resolution(StrEnum):
    """How a person says the work ended."""

    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


_EVENTS: Final = {
    Resolution.COMPLETED: TaskEvent.SUCCEEDED,
    Resolution.FAILED: TaskEvent.FAILED,
    Resolution.CANCELLED: TaskEvent.CANCELLED,
}


@transaction.atomic
def resolve(
    task_id: UUID, outcome: Resolution, reason: str, *, actor: Actor, now: datetime
) -> TaskState:
    """End an unknown task as a person says; its attempt is lost and its slot is free.

    Whatever its agent still reports about it afterwards is superseded.

    Locks: the task, then its current attempt.

    Raises:
        NotFound: there is no such task.
        IllegalTransition: the task is not unknown, so it ends by itself or has ended.
    """
    task = locking.tasks([task_id]).get(task_id)
    if task is None:
        raise NotFound(f"there is no task {task_id}")
    if task.state != TaskState.UNKNOWN:
        raise IllegalTransition(f"task {task_id} is {task.state}: only unknown ones are resolved")
    attempts = locking.current_attempts([task_id])
    attribution.attribute(actor, cause="resolve")
    transitions.move_attempts(
        [
            AttemptMove(
                attempt_id=attempt.pk, event=AttemptEvent.LOST, reason=RESOLVED, ended_at=now
            )
            for attempt in attempts.values()
        ],
        now=now,
    )
    ended = TaskMove(
        task_id=task_id, event=_EVENTS[outcome], reason=RESOLVED, message=reason, ended_at=now
    )
    moved = transitions.move_tasks([ended], now=now)
    capacity.freed({attempt.agent_id for attempt in attempts.values()})
    return moved[task_id]
