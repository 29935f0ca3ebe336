"""Which plans are not kept any longer? Those nobody decided about, and those of revoked agents.

A plan needs no lease: nothing runs. Its agent may be away for as long as the reservation lasts;
what it does not have any more when it is back is lost then (`sessions`).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from django.db import transaction
from django.db.models import Q

from agents.core.states import Desired
from executors.core.lifecycle import AttemptState, TaskEvent
from executors.core.reunion import RESTORED
from executors.models import Attempt
from executors.services import adoption, rows, transitions
from executors.services.rows import Locked, LockedAttempt
from executors.services.transitions import TaskMove
from k8s4r.audit import attribution

RESERVATION_DEADLINE: Final = "reservation_deadline"
_UNABLE: Final = Q(agent__desired=Desired.REVOKED) | Q(agent__archived_at__isnull=False)


@transaction.atomic
def expire(*, now: datetime, limit: int) -> int:
    """End the tasks whose plans waited for too long; their slots are free.

    After a restore only its agent can say whether a plan was applied: until then it waits.

    Locks: the tasks, then their attempts, by pk; skips what others hold.
    """
    late = Attempt.objects.filter(state=AttemptState.HELD, reserved_until__lte=now)
    certain = late.exclude(reason=RESTORED).order_by("reserved_until")
    held = _held(rows.lock_free(list(certain.values_list("pk", flat=True)[:limit])))
    if not held:
        return 0
    attribution.attribute(attribution.SYSTEM, cause=RESERVATION_DEADLINE)
    _end(held, now=now)
    return len(held)


@transaction.atomic
def give_up(*, now: datetime, limit: int) -> int:
    """Have other plans made for those that revoked or archived agents hold.

    One that a restore left in doubt may have been applied: a person has to look.

    Locks: the tasks, then their attempts, by pk; skips what others hold.
    """
    gone = Attempt.objects.filter(_UNABLE, state=AttemptState.HELD)
    locked = rows.lock_free(list(gone.order_by("pk").values_list("pk", flat=True)[:limit]))
    held = _held(locked)
    if not held:
        return 0
    attribution.attribute(attribution.SYSTEM, cause="agent_revoked")
    adoption.leave(held, locked, now=now)
    return len(held)


def _end(held: Sequence[LockedAttempt], *, now: datetime) -> None:
    """Cancel the tasks of held attempts: nothing runs, so there is nothing to wait for."""
    reason = RESERVATION_DEADLINE
    adoption.release({one.id: one.agent_id for one in held}, reason, now=now)
    transitions.move_tasks(
        [
            TaskMove(
                task_id=one.task_id,
                event=TaskEvent.CANCELLED,
                reason=reason,
                message="",
                ended_at=now,
            )
            for one in held
        ],
        now=now,
    )


def _held(locked: Locked) -> list[LockedAttempt]:
    return [one for one in locked.attempts.values() if one.state is AttemptState.HELD]
