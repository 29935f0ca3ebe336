"""What is there to say to a runner, given what it says it has?

assigned, not held            its order, again and again until it is held
stopping                      stop, unless it is stopping already
stopping, never begun, not held   nobody has it: it ends here
unknown, held                 it goes on: adopt it
held, and not its own         stop and forget
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from uuid import UUID

from executors.core.lifecycle import AttemptState, StopReason

SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True)
class CurrentAttempt:
    """A current attempt; ``untouched`` means that its agent never said a word about it."""

    id: UUID
    session_id: UUID
    state: AttemptState
    stop_reason: StopReason = StopReason.NONE
    untouched: bool = False


@dataclass(frozen=True, slots=True)
class News:
    """Attempt ids by what is to be said or done; ``foreign`` are held and not its own."""

    orders: list[UUID] = field(default_factory=list)
    stops: dict[UUID, str] = field(default_factory=dict)
    undelivered: list[UUID] = field(default_factory=list)
    returned: list[UUID] = field(default_factory=list)
    foreign: list[UUID] = field(default_factory=list)


def news_for(
    current: Iterable[CurrentAttempt],
    *,
    session_id: UUID,
    held: Collection[UUID],
    stopping: Collection[UUID],
) -> News:
    """Compare an agent's current attempts with what its runner says it has and is stopping."""
    news = News()
    has, ends = frozenset(held), frozenset(stopping)
    own = [attempt for attempt in current if attempt.session_id == session_id]
    for attempt in own:
        _add(news, attempt, is_held=attempt.id in has or attempt.id in ends)
    for known in ends:
        news.stops.pop(known, None)
    news.foreign.extend(sorted(has - ends - {attempt.id for attempt in own}))
    return news


def _add(news: News, attempt: CurrentAttempt, *, is_held: bool) -> None:
    match attempt.state:
        case AttemptState.ASSIGNED if not is_held:
            news.orders.append(attempt.id)
        case AttemptState.STOPPING if is_held or not attempt.untouched:
            news.stops[attempt.id] = str(attempt.stop_reason)
        case AttemptState.STOPPING:
            news.undelivered.append(attempt.id)
        case AttemptState.UNKNOWN if is_held:
            news.returned.append(attempt.id)
        case _:
            pass
