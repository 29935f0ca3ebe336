"""Agents: what people wish, what is, and who may get work."""

import itertools

import pytest

from agents.core.states import (
    DESIRED_TABLE,
    OBSERVED_TABLE,
    Desired,
    Observed,
    Sign,
    Wish,
    desired_after,
    may_get_work,
    observed_after,
    status_word,
)
from k8s4r.core.errors import IllegalTransition


def test_every_sign_is_possible_in_every_state() -> None:
    assert set(OBSERVED_TABLE) == set(itertools.product(Observed, Sign))


def test_an_agent_that_nobody_approved_stays_pending_whatever_it_says() -> None:
    signs = set(Sign) - {Sign.APPROVED}
    assert {observed_after(Observed.PENDING, sign) for sign in signs} == {Observed.PENDING}
    assert observed_after(Observed.PENDING, Sign.APPROVED) is Observed.OFFLINE


def test_silence_makes_an_online_agent_offline_and_its_next_word_online_again() -> None:
    away = observed_after(Observed.ONLINE, Sign.SILENT)
    assert away is Observed.OFFLINE
    assert observed_after(away, Sign.SEEN) is Observed.ONLINE


def test_a_broken_agent_keeps_its_error_through_silence() -> None:
    broken = observed_after(Observed.ONLINE, Sign.BROKEN)
    assert broken is Observed.ERROR
    assert observed_after(broken, Sign.SILENT) is Observed.ERROR


def test_draining_ends_only_by_a_wish_of_people() -> None:
    leaving = {wish: after for (state, wish), after in DESIRED_TABLE.items() if state == "draining"}
    assert leaving == {
        Wish.RESUME: Desired.ACTIVE,
        Wish.DRAIN: Desired.DRAINING,
        Wish.REVOKE: Desired.REVOKED,
    }


@pytest.mark.parametrize("wish", [Wish.RESUME, Wish.PAUSE, Wish.DRAIN])
def test_a_revoked_agent_stays_revoked(wish: Wish) -> None:
    assert desired_after(Desired.REVOKED, Wish.REVOKE) is Desired.REVOKED
    with pytest.raises(IllegalTransition, match="revoked"):
        desired_after(Desired.REVOKED, wish)


@pytest.mark.parametrize(
    ("state", "wish"),
    [
        (Desired.ACTIVE, Wish.RESUME),
        (Desired.PAUSED, Wish.PAUSE),
        (Desired.DRAINING, Wish.DRAIN),
        (Desired.REVOKED, Wish.REVOKE),
    ],
)
def test_asking_for_what_is_granted_is_a_success(state: Desired, wish: Wish) -> None:
    assert desired_after(state, wish) is state


def test_only_an_active_agent_that_is_online_gets_work() -> None:
    allowed = {pair for pair in itertools.product(Desired, Observed) if may_get_work(*pair)}
    assert allowed == {(Desired.ACTIVE, Observed.ONLINE)}


@pytest.mark.parametrize(
    ("desired", "observed", "is_full", "word"),
    [
        (Desired.ACTIVE, Observed.ONLINE, False, "online"),
        (Desired.ACTIVE, Observed.ONLINE, True, "busy"),
        (Desired.DRAINING, Observed.ONLINE, True, "busy"),
        (Desired.ACTIVE, Observed.OFFLINE, True, "offline"),
        (Desired.ACTIVE, Observed.ERROR, False, "error"),
        (Desired.ACTIVE, Observed.PENDING, False, "pending"),
        (Desired.REVOKED, Observed.ONLINE, False, "revoked"),
    ],
)
def test_the_status_is_one_word(
    desired: Desired, observed: Observed, is_full: bool, word: str
) -> None:
    assert status_word(desired, observed, is_full=is_full) == word
