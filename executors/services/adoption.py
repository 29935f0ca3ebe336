"""How does work whose fate was unknown go on, and how does work end that nobody has?"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from types import MappingProxyType
from typing import Final
from uuid import UUID

from executors import wakeups
from executors.core.endings import AGENT_LOST, AttemptEnd
from executors.core.lifecycle import (
    AttemptEvent,
    AttemptState,
    StopReason,
    TaskEvent,
)
from executors.core.reunion import RESTORED, KnownAttempt, Reunion, reunite
from executors.models import Attempt
from executors.services import capacity, endings, transitions
from executors.services.endings import EndedAttempt
from executors.services.rows import Locked, LockedAttempt
from executors.services.transitions import AttemptMove, TaskMove

# What a restore may have left in doubt.
_DOUBTED: Final = frozenset({AttemptState.UNKNOWN, AttemptState.HELD})
_NO_PLANS: Final[Mapping[UUID, UUID]] = MappingProxyType({})
# No runner opens a session any more: whatever the server knows is not listed.
_NO_SESSION: Final = UUID(int=0)


def known(
    attempts: Iterable[LockedAttempt], locked: Locked, plans: Mapping[UUID, UUID] = _NO_PLANS
) -> list[KnownAttempt]:
    """Return what the server knows of locked attempts; ``plans`` are those of ordered applies."""
    of_agent = list(attempts)
    doubted = [one.id for one in of_agent if one.state in _DOUBTED]
    marked = Attempt.objects.filter(pk__in=doubted, reason=RESTORED)
    restored = set(marked.values_list("pk", flat=True)) if doubted else set()
    return [
        KnownAttempt(
            id=one.id,
            state=one.state,
            session_id=one.session_id,
            phase=locked.tasks[one.task_id].facts.phase,
            is_restored=one.id in restored,
            plan_id=plans.get(one.id),
        )
        for one in of_agent
    ]


def leave(attempts: Iterable[LockedAttempt], locked: Locked, *, now: datetime) -> None:
    """Settle what agents had that never come back, as if they came and listed nothing."""
    fates: Reunion = reunite(known(attempts, locked), (), session_id=_NO_SESSION)
    doubt(fates.unsure, locked, now=now)
    end(fates.lost, AttemptEvent.LOST, locked, now=now)


def adopt(found: Collection[LockedAttempt], *, now: datetime) -> None:
    """Say that unknown work runs after all; an order to stop it is repeated.

    Locks: expects the tasks and the attempts to be locked by the caller.
    """
    returned = [attempt for attempt in found if attempt.state is AttemptState.UNKNOWN]
    transitions.move_attempts([_returned(one) for one in returned], now=now)
    transitions.move_tasks(
        [
            TaskMove(task_id=one.task_id, event=TaskEvent.ADOPTED, reason="", message="")
            for one in returned
        ],
        now=now,
    )


def _returned(attempt: LockedAttempt) -> AttemptMove:
    move = AttemptMove(attempt_id=attempt.id, event=AttemptEvent.ADOPTED, reason="")
    again = stop_again(attempt)
    return move if again is None else move.then(again)


def stop_again(attempt: LockedAttempt) -> AttemptMove | None:
    """Return the move that keeps a returned attempt's order to stop, if it has one."""
    if attempt.stop_reason is StopReason.NONE:
        return None
    return AttemptMove(
        attempt_id=attempt.id, event=AttemptEvent.STOP, stop_reason=attempt.stop_reason
    )


def trust(ids: Collection[UUID], locked: Locked) -> None:
    """Believe again in plans that a restore had left in doubt: their runner still holds them."""
    held = [one for one in ids if locked.attempts[one].state is AttemptState.HELD]
    if held:
        Attempt.objects.filter(pk__in=held, reason=RESTORED).update(reason="")


def release(
    held: Mapping[UUID, UUID], reason: str, *, now: datetime, stop_reason: StopReason | None = None
) -> None:
    """Let go of plans, given with their agents, that are not decided about; their slots are free.

    Locks: expects the tasks and the attempts to be locked by the caller.
    """
    if not held:
        return
    move = partial(
        AttemptMove,
        event=AttemptEvent.STOPPED,
        stop_reason=stop_reason,
        reason=reason,
        ended_at=now,
    )
    transitions.move_attempts([move(attempt_id=one) for one in held], now=now)
    agents = frozenset(held.values())
    wakeups.news_for(agents)
    capacity.freed(agents)


def doubt(ids: Sequence[UUID], locked: Locked, *, now: datetime) -> None:
    """Say of work that it may or may not have happened: a person has to look."""
    transitions.move_attempts(
        [AttemptMove(attempt_id=one, event=AttemptEvent.UNSURE) for one in ids], now=now
    )
    transitions.move_tasks(
        [TaskMove(task_id=locked.attempts[one].task_id, event=TaskEvent.UNSURE) for one in ids],
        now=now,
    )


def end(ids: Sequence[UUID], event: AttemptEvent, locked: Locked, *, now: datetime) -> None:
    """End attempts of which no process is left, and settle their tasks.

    Args:
        event: `LOST` for what an earlier runner had, `STOPPED` for what no runner ever got.
    """
    transitions.move_attempts(
        [AttemptMove(attempt_id=one, event=event, reason=AGENT_LOST, ended_at=now) for one in ids],
        now=now,
    )
    ended = [_ended(locked.attempts[one], event, now=now) for one in ids]
    endings.settle(ended, locked.tasks, now=now)


def _ended(attempt: LockedAttempt, event: AttemptEvent, *, now: datetime) -> EndedAttempt:
    states = {AttemptEvent.LOST: AttemptState.LOST, AttemptEvent.STOPPED: AttemptState.STOPPED}
    return EndedAttempt(
        attempt_id=attempt.id,
        task_id=attempt.task_id,
        agent_id=attempt.agent_id,
        end=AttemptEnd(
            state=states[event],
            stop_reason=attempt.stop_reason,
            was_held=attempt.state is AttemptState.HELD,
        ),
        at=now,
    )
