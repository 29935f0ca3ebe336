"""How does a link behave? `step` is pure: (state, event) -> (state, actions).

    new -> enrolling --registered--> opening --session--> renewing --heartbeat--> open -> over
                                        ^--------- long silence, session unknown ---|

Three lanes carry one call each at a time: control (register, session, heartbeat), claims and
reports. Each has its own back-off, so that a heartbeat never waits behind reports. While the
session is open there is always a claim under way; the next one follows when the runner has taken
in what the last one brought. Reports gather company: each request costs both sides far more than
one report more in it.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from agents.client.link.vocabulary import (
    LANES,
    Backlog,
    Beaten,
    Call,
    ClaimAnswered,
    End,
    Event,
    Failed,
    HandOver,
    Lane,
    Opened,
    PassOn,
    ReadToken,
    Ready,
    Registered,
    Renew,
    ReportsAnswered,
    ReportsWait,
    Rest,
    Rested,
    RunnerCaughtUp,
    Settle,
    SlotsChanged,
    Stage,
    StandingChanged,
    Start,
    State,
    Step,
    Trouble,
)
from agents.wire.messages import Directives

FIRST_DELAY_S: Final = 0.2
LONGEST_DELAY_S: Final = 10.0
LONGEST_CONTROL_DELAY_S: Final = 3.0
LONGEST_ASKED_DELAY_S: Final = 30.0
REFUSED_DELAY_S: Final = 1.0
SURELY_REFUSED_AFTER_S: Final = 0.5
SILENCE_IN_HEARTBEATS: Final = 2.5
AFTER_STOPS_S: Final = 0.1
# What may wait does so for company: short work says its end within this time. Nobody sees it.
LINGER_S: Final = 0.010
# Between two requests of reports, so that a busy agent sends a batch and not one end at a time:
# start and end of one attempt cost the server 2.8 ms, of sixteen together 6.7 ms.
REPORT_PAUSE_S: Final = 0.015
DOUBT_S: Final = 5.0
EXIT_ERROR: Final = 1
EXIT_CONFIGURATION: Final = 2
EXIT_TOKEN_REFUSED: Final = 4


def step(state: State, event: Event) -> Step:
    """React to an event, then start every call that may start now."""
    if state.stage is Stage.OVER:
        return state, []
    state, actions = _REACTIONS[type(event)](state, event)
    if state.stage is Stage.OPENING and Lane.CLAIMS in state.busy:
        state = replace(state, claim_is_old=True)
    for lane in Lane:
        call = _next_call(state, lane)
        if call is not None:
            state = replace(
                state, busy=state.busy | {lane}, reopen=state.reopen and call is not Call.SESSION
            )
            actions = [*actions, Start(call)]
    return state, actions


def _next_call(state: State, lane: Lane) -> Call | None:
    if lane in state.busy or lane in state.resting:
        return None
    if lane is Lane.CONTROL:
        return _next_control(state)
    if state.stage is not Stage.OPEN:
        return None
    if lane is Lane.CLAIMS:
        return None if state.runner_is_behind else Call.CLAIM
    return Call.REPORT if state.backlog >= state.reports_from else None


def _next_control(state: State) -> Call | None:
    match state.stage:
        case Stage.ENROLLING:
            return Call.REGISTER
        case Stage.OPENING:
            return Call.SESSION
        case Stage.RENEWING | Stage.OPEN:
            return Call.SESSION if state.reopen else Call.HEARTBEAT
        case _:
            return None


def _ready(state: State, event: Ready) -> Step:
    stage = Stage.OPENING if event.enrolled else Stage.ENROLLING
    return replace(state, stage=stage, renews=event.renews), []


def _caught_up(state: State, event: RunnerCaughtUp) -> Step:
    return replace(state, runner_is_behind=False), []


def _reports_wait(state: State, event: ReportsWait) -> Step:
    """Report what is urgent, let the rest wait; between two requests a timer runs already."""
    is_first = state.backlog is Backlog.NOTHING and Lane.REPORTS not in state.busy
    state = replace(state, backlog=event.backlog)
    if is_first and state.reports_from is Backlog.URGENT and event.backlog is Backlog.CALM:
        return state, [Rest(Lane.REPORTS, LINGER_S)]
    return state, []


def _slots_changed(state: State, event: SlotsChanged) -> Step:
    return replace(state, reopen=True, resting=state.resting - {Lane.CONTROL}), []


def _standing_changed(state: State, event: StandingChanged) -> Step:
    return replace(state, resting=state.resting - {Lane.CONTROL}), []


def _rested(state: State, event: Rested) -> Step:
    state = replace(state, resting=state.resting - {event.lane})
    if event.lane is Lane.REPORTS:
        waited = state.backlog is not Backlog.NOTHING
        state = replace(state, reports_from=Backlog.CALM if waited else Backlog.URGENT)
    return state, []


def _registered(state: State, event: Registered) -> Step:
    return replace(_succeeded(state, Lane.CONTROL), stage=Stage.OPENING), []


def _opened(state: State, event: Opened) -> Step:
    state = replace(
        _succeeded(state, Lane.CONTROL),
        stage=state.stage if state.stage is Stage.OPEN else Stage.RENEWING,
        heartbeat_s=event.settings.heartbeat_s,
    )
    return _heed(state, event.directives)


def _beaten(state: State, event: Beaten) -> Step:
    silence = 0.0 if state.heard_at is None else event.now - state.heard_at
    was_long = silence > SILENCE_IN_HEARTBEATS * state.pace_s
    state = replace(_succeeded(state, Lane.CONTROL), heard_at=event.now, doubted_at=None)
    state, actions = _heed(state, event.answer.directives)
    actions = [Renew(event.sent_at), *actions]
    if was_long and state.stage is Stage.OPEN:
        # The server may have stopped counting on us: say again what is held.
        return replace(state, stage=Stage.OPENING), actions
    pause = max(0.0, state.pace_s - (event.now - event.sent_at))
    state = replace(state, stage=Stage.OPEN, resting=state.resting | {Lane.CONTROL})
    return state, [*actions, Rest(Lane.CONTROL, pause)]


def _claim_answered(state: State, event: ClaimAnswered) -> Step:
    if state.claim_is_old:
        # The session was said again without these orders, so they may be somebody else's by now;
        # what is still ours comes again with the next claim.
        return replace(_succeeded(state, Lane.CLAIMS), claim_is_old=False), []
    state, actions = _heed(_succeeded(state, Lane.CLAIMS), event.answer.directives)
    if event.answer.orders:
        # Orders go first: a stop in the same answer may be for one of them.
        orders = HandOver(tuple(event.answer.orders))
        return replace(state, runner_is_behind=True), [orders, *actions]
    if event.answer.directives.stop:
        # A stop is said again until it shows: do not ask as fast as we can meanwhile.
        state = replace(state, resting=state.resting | {Lane.CLAIMS})
        actions = [*actions, Rest(Lane.CLAIMS, AFTER_STOPS_S)]
    return state, actions


def _reports_answered(state: State, event: ReportsAnswered) -> Step:
    state = replace(
        _succeeded(state, Lane.REPORTS), backlog=event.backlog, reports_from=Backlog.PLENTY
    )
    state, actions = _heed(state, event.directives)
    return state, [Settle(event.outcomes), *actions, Rest(Lane.REPORTS, REPORT_PAUSE_S)]


def _failed(state: State, event: Failed) -> Step:
    lane = LANES[event.call]
    reopen = state.reopen or event.call is Call.SESSION
    is_old = state.claim_is_old and event.call is not Call.CLAIM
    state = replace(state, busy=state.busy - {lane}, reopen=reopen, claim_is_old=is_old)
    if _is_over(state, event):
        return _over(state, End(EXIT_ERROR, "session_superseded", event.detail))
    match event.trouble:
        case Trouble.SUPERSEDED if state.stage is Stage.OPEN:
            state = replace(state, stage=Stage.OPENING, doubted_at=event.now)
        case Trouble.REFUSED:
            return _refused(state, event)
        case Trouble.REJECTED if event.call in {Call.REGISTER, Call.SESSION}:
            return _over(state, End(EXIT_CONFIGURATION, "rejected", event.detail))
        case Trouble.NO_SESSION if state.stage is Stage.OPEN:
            state = replace(state, stage=Stage.OPENING)
    return _pause(state, event, least_s=0.0)


def _is_over(state: State, event: Failed) -> bool:
    """Has another runner taken over?

    "Not the open session" may also come from a server that was restored from a backup and never
    heard of this one. Opening the session again tells: only a runner that was replaced is refused
    then. Somebody else may start the work soon, so the doubt may not last.
    """
    if event.trouble is Trouble.SUPERSEDED:
        is_renewal = state.stage is Stage.RENEWING and event.call is Call.HEARTBEAT
        if event.call is Call.SESSION or (is_renewal and state.doubted_at is not None):
            return True
    return state.doubted_at is not None and event.now - state.doubted_at >= DOUBT_S


def _refused(state: State, event: Failed) -> Step:
    """End only when told twice: once may be an answer that crossed a rotation."""
    if state.renews and event.call is not Call.REGISTER:
        return _renew(state, event)
    since = state.refused_at
    if since is not None and event.now - since >= SURELY_REFUSED_AFTER_S:
        return _over(state, End(EXIT_TOKEN_REFUSED, "token_refused", event.detail))
    state = replace(state, refused_at=event.now if since is None else since)
    state, actions = _pause(state, event, least_s=REFUSED_DELAY_S)
    return state, [ReadToken(), *actions]


def _renew(state: State, event: Failed) -> Step:
    """Ask for another token; of other lanes only a heartbeat can tell, which goes at once.

    What they sent by the token before may be answered late.
    """
    if LANES[event.call] is Lane.CONTROL:
        state = replace(state, stage=Stage.ENROLLING)
    else:
        state = replace(state, resting=state.resting - {Lane.CONTROL})
    return _pause(state, event, least_s=REFUSED_DELAY_S)


def _pause(state: State, event: Failed, *, least_s: float) -> Step:
    lane = LANES[event.call]
    failures = dict(state.failures)
    failures[lane] = failures.get(lane, 0) + 1
    longest = LONGEST_CONTROL_DELAY_S if lane is Lane.CONTROL else LONGEST_DELAY_S
    delay = min(longest, FIRST_DELAY_S * 2 ** min(failures[lane] - 1, 10))
    delay *= 0.5 + event.jitter / 2
    asked = min(event.retry_after_s, longest if lane is Lane.CONTROL else LONGEST_ASKED_DELAY_S)
    state = replace(state, failures=tuple(failures.items()), resting=state.resting | {lane})
    return state, [Rest(lane, max(delay, asked, least_s))]


def _over(state: State, end: End) -> Step:
    return replace(state, stage=Stage.OVER), [end]


def _succeeded(state: State, lane: Lane) -> State:
    failures = tuple(pair for pair in state.failures if pair[0] is not lane)
    return replace(state, busy=state.busy - {lane}, failures=failures, refused_at=None)


def _heed(state: State, directives: Directives) -> Step:
    """Go by what the server wants of the link, and pass on what it wants of the runner."""
    if directives.settings is not None:
        state = replace(state, heartbeat_s=directives.settings.heartbeat_s)
    if directives.wanted is not None:
        state = replace(state, wanted_heartbeat_s=directives.wanted.heartbeat_s)
    if directives == Directives():
        return state, []
    return replace(state, runner_is_behind=True), [PassOn(directives)]


_REACTIONS: Final[dict[type[Any], Callable[[State, Any], Step]]] = {
    Ready: _ready,
    RunnerCaughtUp: _caught_up,
    ReportsWait: _reports_wait,
    SlotsChanged: _slots_changed,
    StandingChanged: _standing_changed,
    Rested: _rested,
    Registered: _registered,
    Opened: _opened,
    Beaten: _beaten,
    ClaimAnswered: _claim_answered,
    ReportsAnswered: _reports_answered,
    Failed: _failed,
}
