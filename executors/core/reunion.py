"""What of an agent's work goes on when its runner opens a session, and what is lost?

listed by the runner                       goes on
not listed, ordered in this same session   waits: the order is on its way
an apply that was ordered, its plan listed waits: nobody took the order while it was held
not listed, an apply                       unknown
not listed, known from a backup alone      unknown: it may have ended since
not listed, anything else                  lost, now
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from agents.wire.orders import APPLY
from executors.core.lifecycle import ATTEMPT_CURRENT, AttemptState

# The reason of an attempt that is unknown because the database was set back.
RESTORED: Final = "restored"


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownAttempt:
    """A current attempt of the agent; ``is_restored``: the database was set back since.

    ``plan_id`` is the attempt whose plan an apply applies.
    """

    id: UUID
    state: AttemptState
    session_id: UUID
    phase: str = "run"
    is_restored: bool = False
    plan_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Reunion:
    """Attempt ids by what becomes of them; one that waits in its session is in none.

    ``due`` were ordered in an earlier session, and nobody took them.
    """

    goes_on: list[UUID] = field(default_factory=list)
    due: list[UUID] = field(default_factory=list)
    lost: list[UUID] = field(default_factory=list)
    unsure: list[UUID] = field(default_factory=list)


def reunite(
    known: Iterable[KnownAttempt], listed: Collection[UUID], *, session_id: UUID
) -> Reunion:
    """Compare what the server knows with what the runner says it has."""
    reunion = Reunion()
    for attempt in known:
        if attempt.state not in ATTEMPT_CURRENT:
            continue
        if attempt.id in listed:
            reunion.goes_on.append(attempt.id)
        else:
            _miss(reunion, attempt, listed, session_id=session_id)
    return reunion


def _miss(
    reunion: Reunion, attempt: KnownAttempt, listed: Collection[UUID], *, session_id: UUID
) -> None:
    """Sort in an attempt that the runner does not list."""
    is_ordered = attempt.state is AttemptState.ASSIGNED
    if is_ordered and attempt.session_id == session_id:
        return
    if is_ordered and attempt.plan_id in listed:
        reunion.due.append(attempt.id)
    elif attempt.phase != APPLY and not attempt.is_restored:
        reunion.lost.append(attempt.id)
    elif attempt.state is not AttemptState.UNKNOWN:
        reunion.unsure.append(attempt.id)
