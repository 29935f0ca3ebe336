"""An agent's sessions say when it was there: overlaps, gaps, ends outside of what is shown."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from k8s4r.console.presence import Life, presence
from tests.builders import NOON

SINCE = NOON - timedelta(hours=24)


def life(begun_h, ended_h):
    """Return a life between hours before now."""
    return Life(NOON - timedelta(hours=begun_h), NOON - timedelta(hours=ended_h))


def told(*lives):
    found = presence(lives, since=SINCE, now=NOON)
    return [(one.is_there, one.length / timedelta(hours=1)) for one in found.stretches]


@pytest.mark.parametrize(
    ("lives", "stretches"),
    [
        ((), [(False, 24)]),
        ((life(99, 0),), [(True, 24)]),
        ((life(10, -1),), [(False, 14), (True, 10)]),
        ((life(99, 20), life(10, 5)), [(True, 4), (False, 10), (True, 5), (False, 5)]),
        ((life(20, 10), life(15, 12)), [(False, 4), (True, 10), (False, 10)]),
        ((life(20, 10), life(10, 0)), [(False, 4), (True, 10), (True, 10)]),
        ((life(99, 30),), [(False, 24)]),
    ],
)
def test_stretches_are_what_the_sessions_say(lives, stretches):
    assert told(*lives) == stretches


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), max_size=8))
def test_stretches_cover_the_whole_time_once(pairs):
    lives = [life(max(pair), min(pair)) for pair in pairs]
    found = presence(lives, since=SINCE, now=NOON)
    assert sum((one.length for one in found.stretches), timedelta()) == timedelta(hours=24)
    assert 0 <= found.percent <= 100


def test_absences_and_starts_are_counted():
    found = presence([life(99, 20), life(10, 5)], since=SINCE, now=NOON)
    assert (found.longest_absence, found.restarts, found.percent) == ("10h", 1, 37.5)
