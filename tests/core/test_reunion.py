"""A runner returns: what goes on, what is lost, what nobody may decide."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executors.core.lifecycle import ATTEMPT_CURRENT, ATTEMPT_TERMINAL, AttemptState
from executors.core.reunion import KnownAttempt, Reunion, reunite

OLD, NEW = UUID(int=100), UUID(int=200)
IDS = [UUID(int=number) for number in range(6)]
A = AttemptState


def known(state, session=OLD, phase="run", identity=IDS[0]):
    return KnownAttempt(id=identity, state=state, session_id=session, phase=phase)


@pytest.mark.parametrize("state", sorted(ATTEMPT_CURRENT))
def test_what_is_listed_goes_on(state):
    assert reunite([known(state)], [IDS[0]], session_id=NEW) == Reunion(goes_on=[IDS[0]])


@pytest.mark.parametrize("state", sorted(ATTEMPT_CURRENT))
def test_what_a_new_runner_does_not_list_is_lost(state):
    assert reunite([known(state)], [], session_id=NEW) == Reunion(lost=[IDS[0]])


@pytest.mark.parametrize("state", sorted(ATTEMPT_CURRENT - {A.ASSIGNED}))
def test_what_the_same_runner_no_longer_lists_is_lost(state):
    assert reunite([known(state, NEW)], [], session_id=NEW) == Reunion(lost=[IDS[0]])


def test_an_order_on_its_way_to_the_same_runner_waits():
    assert reunite([known(A.ASSIGNED, NEW)], [], session_id=NEW) == Reunion()


@pytest.mark.parametrize("state", sorted(ATTEMPT_CURRENT - {A.UNKNOWN}))
def test_an_apply_that_is_not_listed_is_unsure(state):
    found = reunite([known(state, phase="apply")], [], session_id=NEW)
    assert found == Reunion(unsure=[IDS[0]])


@given(
    st.lists(
        st.builds(
            KnownAttempt,
            id=st.sampled_from(IDS),
            state=st.sampled_from(sorted(AttemptState)),
            session_id=st.sampled_from([OLD, NEW]),
            phase=st.sampled_from(["run", "apply"]),
        ),
        unique_by=lambda attempt: attempt.id,
    ),
    st.frozensets(st.sampled_from(IDS)),
)
def test_each_attempt_has_one_fate_and_what_ended_has_none(attempts, listed):
    found = reunite(attempts, listed, session_id=NEW)
    fates = found.goes_on + found.lost + found.unsure
    assert len(fates) == len(set(fates))
    assert not set(found.lost + found.unsure) & listed
    ended = {attempt.id for attempt in attempts if attempt.state in ATTEMPT_TERMINAL}
    assert not ended & set(fates)


def test_an_order_of_this_session_is_on_its_way_even_to_apply():
    order = known(A.ASSIGNED, session=NEW, phase="apply")
    assert reunite([order], [], session_id=NEW) == Reunion()


def test_an_apply_whose_plan_is_still_held_was_never_taken():
    order = KnownAttempt(id=IDS[0], state=A.ASSIGNED, session_id=OLD, phase="apply", plan_id=IDS[1])
    assert reunite([order], [IDS[1]], session_id=NEW) == Reunion(due=[IDS[0]])
    assert reunite([order], [], session_id=NEW) == Reunion(unsure=[IDS[0]])
