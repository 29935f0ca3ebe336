"""Steps of a link's behaviour: events in the making, and what they lead to."""

from datetime import UTC, datetime

from agents.client.link.session import step
from agents.client.link.vocabulary import (
    Action,
    Backlog,
    Beaten,
    Call,
    Event,
    Failed,
    Opened,
    Ready,
    ReportsAnswered,
    State,
    Trouble,
)
from agents.wire import messages as wire
from agents.wire.settings import Settings

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
OPENED = Opened(Settings(), wire.Directives())


def play(*events: Event, state: State | None = None) -> tuple[State, list[Action]]:
    """Play events one after the other; return the state and what the last one led to."""
    state = state or State()
    actions: list[Action] = []
    for event in events:
        state, actions = step(state, event)
    return state, actions


def beaten(sent_at: float = 1.0, now: float = 1.5, **directives: object) -> Beaten:
    answer = wire.HeartbeatAnswer(
        server_time=NOON,
        sent_at=sent_at,
        directives=wire.Directives(**directives),  # type: ignore[arg-type]
    )
    return Beaten(answer, sent_at=sent_at, now=now)


def failed(call: Call, trouble: Trouble = Trouble.AWAY, **more: float) -> Failed:
    return Failed(call, trouble, "why", **{"now": 10.0, "jitter": 1.0, **more})  # type: ignore[arg-type]


def answered(backlog: Backlog) -> ReportsAnswered:
    return ReportsAnswered((), wire.Directives(), backlog)


def an_open_session() -> State:
    return play(Ready(enrolled=True), OPENED, beaten())[0]
