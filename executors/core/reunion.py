"""What of an agent's work goes on when its runner opens a session, and what is lost?

listed by the runner                       goes on
not listed, ordered in this same session   waits: the order is on its way
not listed, an apply                       unknown
not listed, known from a backup alone      unknown: it may have ended since
not listed, anything else                  lost, now
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from executors.core.endings import APPLY
from executors.core.lifecycle import ATTEMPT_CURRENT, AttemptState

# The reason of an attempt that is unknown because the database was set back.
RESTORED: Final = "restored"


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownAttempt:
    """A current attempt of the agent; ``is_restored``: a restore made it unknown."""

    id: UUID
    state: AttemptState
    session_id: UUID
    phase: str = "run"
    is_restored: bool = False


@dataclass(frozen=True, slots=True)
class Reunion:
    """Attempt ids by what becomes of them; one that waits is in none."""

    goes_on: list[UUID] = field(default_factory=list)
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
        elif attempt.phase == APPLY or attempt.is_restored:
            if attempt.state is not AttemptState.UNKNOWN:
                reunion.unsure.append(attempt.id)
        elif attempt.session_id != session_id or attempt.state is not AttemptState.ASSIGNED:
            reunion.lost.append(attempt.id)
    return reunion
