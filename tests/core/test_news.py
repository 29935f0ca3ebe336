"""What there is to say to a runner, given what it says it has."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executors.core.lifecycle import ATTEMPT_CURRENT, AttemptState, StopReason
from executors.core.news import CurrentAttempt, News, news_for

MINE, OTHER = UUID(int=100), UUID(int=200)
IDS = [UUID(int=number) for number in range(6)]
A = AttemptState
CANCEL = StopReason.CANCEL


def current(state, *, session=MINE, untouched=False, reason=StopReason.NONE):
    return CurrentAttempt(IDS[0], session, state, reason, untouched)


def news(attempt, *, held=(), stopping=()):
    return news_for([attempt], session_id=MINE, held=held, stopping=stopping)


def test_an_order_is_repeated_until_it_is_held():
    assert news(current(A.ASSIGNED)) == News(orders=[IDS[0]])
    assert news(current(A.ASSIGNED), held=[IDS[0]]) == News()


@pytest.mark.parametrize("state", [A.RUNNING, A.HELD])
def test_nothing_is_said_about_what_runs_as_it_should(state):
    assert news(current(state), held=[IDS[0]]) == News()


def test_a_stop_is_repeated_until_the_runner_is_stopping():
    attempt = current(A.STOPPING, reason=CANCEL)
    assert news(attempt, held=[IDS[0]]) == News(stops={IDS[0]: "cancel"})
    assert news(attempt, held=[IDS[0]], stopping=[IDS[0]]) == News()
    assert news(attempt, stopping=[IDS[0]]) == News()


def test_what_was_stopped_before_anybody_had_it_is_undelivered():
    attempt = current(A.STOPPING, reason=CANCEL, untouched=True)
    assert news(attempt) == News(undelivered=[IDS[0]])
    assert news(attempt, held=[IDS[0]]) == News(stops={IDS[0]: "cancel"})


def test_unknown_work_that_is_held_returns():
    assert news(current(A.UNKNOWN), held=[IDS[0]]) == News(returned=[IDS[0]])
    assert news(current(A.UNKNOWN)) == News()


def test_work_of_another_session_is_foreign_when_it_is_held():
    assert news(current(A.RUNNING, session=OTHER), held=[IDS[0]]) == News(foreign=[IDS[0]])
    assert news(current(A.ASSIGNED, session=OTHER)) == News()


@given(
    st.lists(
        st.builds(
            CurrentAttempt,
            id=st.sampled_from(IDS),
            session_id=st.sampled_from([MINE, OTHER]),
            state=st.sampled_from(sorted(ATTEMPT_CURRENT)),
            stop_reason=st.just(CANCEL),
            untouched=st.booleans(),
        ),
        unique_by=lambda attempt: attempt.id,
    ),
    st.frozensets(st.sampled_from(IDS)),
    st.frozensets(st.sampled_from(IDS)),
)
def test_an_attempt_is_news_once_and_held_work_is_never_ordered_again(attempts, held, stopping):
    said = news_for(attempts, session_id=MINE, held=held, stopping=stopping)
    ids = [*said.orders, *said.stops, *said.undelivered, *said.returned, *said.foreign]
    assert len(ids) == len(set(ids))
    assert not set(said.orders + said.undelivered) & (held | stopping)
    assert not set(said.stops) & stopping
