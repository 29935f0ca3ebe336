"""The behaviour of a link, without a network: what follows from what."""

from dataclasses import replace
from uuid import uuid4

import pytest

from agents.client.link import session
from agents.client.link.session import step
from agents.client.link.vocabulary import (
    Backlog,
    Call,
    ClaimAnswered,
    End,
    Event,
    HandOver,
    Lane,
    PassOn,
    ReadToken,
    Ready,
    Registered,
    Renew,
    ReportsWait,
    Rest,
    Rested,
    RunnerCaughtUp,
    SlotsChanged,
    Stage,
    Start,
    Trouble,
)
from agents.wire import messages as wire
from tests.agent.steps import OPENED, an_open_session, answered, beaten, failed, play
from tests.agent.words import make_order


def test_an_unknown_agent_registers_before_it_says_hello():
    state, actions = play(Ready(enrolled=False))
    assert actions == [Start(Call.REGISTER)]
    _, actions = play(Registered(), state=state)
    assert actions == [Start(Call.SESSION)]


def test_a_known_agent_says_hello_at_once():
    assert play(Ready(enrolled=True))[1] == [Start(Call.SESSION)]


def test_nothing_is_claimed_before_the_first_heartbeat_of_a_session():
    state, actions = play(Ready(enrolled=True), ReportsWait(Backlog.URGENT), OPENED)
    assert actions == [Start(Call.HEARTBEAT)]
    state, actions = play(beaten(), state=state)
    assert state.stage is Stage.OPEN
    assert {Start(Call.CLAIM), Start(Call.REPORT), Renew(1.0)} <= {*actions}


def test_the_lease_counts_from_the_sending_and_the_next_heartbeat_too():
    _, actions = play(Ready(enrolled=True), OPENED, beaten(sent_at=5.0, now=7.0))
    assert Renew(5.0) in actions
    assert Rest(Lane.CONTROL, 8.0) in actions


def test_the_next_claim_waits_until_the_runner_took_the_orders():
    order = make_order()
    state, actions = play(ClaimAnswered(wire.Claimed(orders=[order])), state=an_open_session())
    assert actions == [HandOver((order,))]
    assert play(RunnerCaughtUp(), state=state)[1] == [Start(Call.CLAIM)]


def test_an_empty_claim_is_repeated_at_once():
    assert play(ClaimAnswered(wire.Claimed()), state=an_open_session())[1] == [Start(Call.CLAIM)]


def test_orders_reach_the_runner_before_the_stops_of_the_same_answer():
    order = make_order()
    directives = wire.Directives(stop=[wire.Stop(attempt=order.attempt, reason="cancel")])
    answer = ClaimAnswered(wire.Claimed(orders=[order], directives=directives))
    _, actions = play(answer, state=an_open_session())
    assert actions == [HandOver((order,)), PassOn(directives)]


def test_repeated_stops_do_not_make_claims_spin():
    directives = wire.Directives(stop=[wire.Stop(attempt=uuid4(), reason="cancel")])
    answer = ClaimAnswered(wire.Claimed(directives=directives))
    state, actions = play(answer, RunnerCaughtUp(), state=an_open_session())
    assert actions == []
    assert play(Rested(Lane.CLAIMS), state=state)[1] == [Start(Call.CLAIM)]


def test_each_failure_doubles_the_pause_up_to_a_limit():
    state, pauses = an_open_session(), []
    for _ in range(9):
        state, actions = play(failed(Call.CLAIM), state=state)
        pauses += [action.seconds for action in actions if isinstance(action, Rest)]
        state, _ = play(Rested(Lane.CLAIMS), state=state)
    assert pauses == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0, 10.0]


def test_a_success_forgets_failures():
    state, _ = play(
        failed(Call.CLAIM),
        Rested(Lane.CLAIMS),
        ClaimAnswered(wire.Claimed()),
        state=an_open_session(),
    )
    assert play(failed(Call.CLAIM), state=state)[1] == [Rest(Lane.CLAIMS, 0.2)]


def test_jitter_halves_a_pause_at_most():
    assert play(failed(Call.CLAIM, jitter=0.0), state=an_open_session())[1] == [
        Rest(Lane.CLAIMS, 0.1)
    ]


def test_a_server_that_names_a_pause_gets_it_but_heartbeats_do_not_wait_long():
    _, claim = play(failed(Call.CLAIM, retry_after_s=20.0), state=an_open_session())
    assert claim == [Rest(Lane.CLAIMS, 20.0)]
    opened, _ = play(Rested(Lane.CONTROL), state=an_open_session())
    _, beat = play(failed(Call.HEARTBEAT, retry_after_s=600.0), state=opened)
    assert beat == [Rest(Lane.CONTROL, session.LONGEST_CONTROL_DELAY_S)]


def test_failed_reports_do_not_delay_heartbeats():
    state, _ = play(ReportsWait(Backlog.URGENT), failed(Call.REPORT), state=an_open_session())
    assert play(Rested(Lane.CONTROL), state=state)[1] == [Start(Call.HEARTBEAT)]


def test_after_a_long_silence_the_session_is_opened_again():
    state, _ = play(Rested(Lane.CONTROL), state=an_open_session())
    state, actions = play(beaten(sent_at=40.0, now=40.1), state=state)
    assert state.stage is Stage.OPENING
    assert actions == [Renew(40.0), Start(Call.SESSION)]
    state, actions = play(OPENED, beaten(sent_at=41.0, now=41.1), state=state)
    assert state.stage is Stage.OPEN


@pytest.mark.parametrize("meanwhile", [[], [OPENED], [OPENED, beaten(60.0, 60.5)]])
def test_orders_of_a_claim_from_before_a_long_silence_are_left_for_the_next(
    meanwhile: list[Event],
):
    silent, _ = play(Rested(Lane.CONTROL), beaten(50.0, 50.5), state=an_open_session())
    assert silent.stage is Stage.OPENING
    late = ClaimAnswered(wire.Claimed(orders=[make_order()]))
    state, actions = play(*meanwhile, late, state=silent)
    assert not any(isinstance(one, HandOver) for one in actions)
    order = make_order()
    state, _ = play(OPENED, beaten(60.0, 60.5), state=state)
    _, actions = play(ClaimAnswered(wire.Claimed(orders=[order])), state=state)
    assert HandOver((order,)) in actions


def test_a_claim_that_failed_during_a_long_silence_spoils_none_after_it():
    silent, _ = play(Rested(Lane.CONTROL), beaten(50.0, 50.5), state=an_open_session())
    open_again, _ = play(failed(Call.CLAIM), OPENED, beaten(60.0, 60.5), state=silent)
    order = make_order()
    events = (Rested(Lane.CLAIMS), ClaimAnswered(wire.Claimed(orders=[order])))
    assert HandOver((order,)) in play(*events, state=open_again)[1]


def test_a_change_of_slots_is_said_at_once_and_stops_nothing():
    state, actions = play(SlotsChanged(), state=an_open_session())
    assert actions == [Start(Call.SESSION)]
    assert state.stage is Stage.OPEN
    state, actions = play(OPENED, state=state)
    assert (state.stage, actions) == (Stage.OPEN, [Start(Call.HEARTBEAT)])


def test_a_change_of_slots_during_the_hello_is_said_again():
    state, _ = play(Ready(enrolled=True), SlotsChanged())
    _, actions = play(OPENED, state=state)
    assert actions == [Start(Call.SESSION)]


def test_a_change_of_slots_that_could_not_be_said_is_said_later():
    state, _ = play(SlotsChanged(), failed(Call.SESSION), state=an_open_session())
    assert play(Rested(Lane.CONTROL), state=state)[1] == [Start(Call.SESSION)]


def test_a_refused_token_ends_the_link_when_told_twice():
    state, actions = play(failed(Call.CLAIM, Trouble.REFUSED), state=an_open_session())
    assert ReadToken() in actions
    state, _ = play(Rested(Lane.CLAIMS), state=state)
    _, actions = play(failed(Call.CLAIM, Trouble.REFUSED, now=11.0), state=state)
    assert actions == [End(4, "token_refused", "why")]


def test_refusals_at_the_same_moment_count_once():
    state, _ = play(Rested(Lane.CONTROL), state=an_open_session())
    state, _ = play(failed(Call.CLAIM, Trouble.REFUSED), state=state)
    state, actions = play(failed(Call.HEARTBEAT, Trouble.REFUSED, now=10.1), state=state)
    assert state.stage is Stage.OPEN
    assert not [action for action in actions if isinstance(action, End)]


def test_a_success_forgives_a_refusal():
    state, _ = play(
        failed(Call.CLAIM, Trouble.REFUSED),
        answered(Backlog.NOTHING),
        Rested(Lane.CLAIMS),
        failed(Call.CLAIM, Trouble.REFUSED, now=20.0),
        state=an_open_session(),
    )
    assert state.stage is Stage.OPEN


def test_a_rejected_hello_is_a_configuration_error():
    _, actions = play(Ready(enrolled=True), failed(Call.SESSION, Trouble.REJECTED))
    assert actions == [End(2, "rejected", "why")]


@pytest.mark.parametrize("call", [Call.HEARTBEAT, Call.CLAIM, Call.REPORT])
def test_a_session_that_is_not_the_open_one_is_opened_again_first(call: Call):
    state = replace(an_open_session(), busy=frozenset(Lane), resting=frozenset())
    state, actions = play(failed(call, Trouble.SUPERSEDED), state=state)
    assert state.stage is Stage.OPENING
    assert not [action for action in actions if isinstance(action, End)]


def test_a_runner_whose_hello_is_refused_is_over():
    state, _ = play(
        Rested(Lane.CONTROL), failed(Call.HEARTBEAT, Trouble.SUPERSEDED), state=an_open_session()
    )
    state, _ = play(Rested(Lane.CONTROL), state=state)
    state, actions = play(failed(Call.SESSION, Trouble.SUPERSEDED), state=state)
    assert actions == [End(1, "session_superseded", "why")]
    assert step(state, ReportsWait(Backlog.URGENT)) == (state, [])


def test_a_doubt_that_cannot_be_cleared_ends_the_link():
    state, _ = play(
        Rested(Lane.CONTROL), failed(Call.HEARTBEAT, Trouble.SUPERSEDED), state=an_open_session()
    )
    state, _ = play(Rested(Lane.CONTROL), failed(Call.SESSION, now=12.0), state=state)
    assert state.stage is Stage.OPENING
    _, actions = play(Rested(Lane.CONTROL), failed(Call.SESSION, now=15.1), state=state)
    assert actions == [End(1, "session_superseded", "why")]


def test_settings_of_any_answer_change_the_heartbeat():
    state, _ = play(Rested(Lane.CONTROL), state=an_open_session())
    told = beaten(sent_at=2.0, now=2.0, settings=wire.Settings(heartbeat_s=3.0))
    assert Rest(Lane.CONTROL, 3.0) in play(told, state=state)[1]
