"""Liveness: when silence makes an agent offline, and when a runner stops by itself."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.core.liveness import (
    KILL_GRACE,
    LivenessPolicy,
    after_heartbeat,
    after_silence,
    is_silent,
    stop_after_s,
)
from agents.core.states import Observed

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
POLICY = LivenessPolicy()


def seen(seconds_ago: float) -> datetime:
    return NOW - timedelta(seconds=seconds_ago)


@pytest.mark.parametrize(("seconds_ago", "silent"), [(0, False), (59.999, False), (60, True)])
def test_an_agent_is_silent_from_the_sixtieth_second(seconds_ago: float, silent: bool) -> None:
    assert is_silent(seen(seconds_ago), NOW, POLICY) is silent


def test_an_agent_that_was_never_seen_is_silent() -> None:
    assert is_silent(None, NOW, POLICY)


def test_a_heartbeat_from_the_future_is_no_silence() -> None:
    assert not is_silent(seen(-3600), NOW, POLICY)


@pytest.mark.parametrize(
    ("observed", "seconds_ago", "after"),
    [
        (Observed.ONLINE, 59, Observed.ONLINE),
        (Observed.ONLINE, 61, Observed.OFFLINE),
        (Observed.ERROR, 61, Observed.ERROR),
        (Observed.PENDING, 61, Observed.PENDING),
    ],
)
def test_silence_makes_only_an_online_agent_offline(
    observed: Observed, seconds_ago: float, after: Observed
) -> None:
    assert after_silence(observed, seen(seconds_ago), now=NOW, policy=POLICY) is after


def test_a_heartbeat_says_whether_the_agent_can_work() -> None:
    assert after_heartbeat(Observed.OFFLINE, None) is Observed.ONLINE
    assert after_heartbeat(Observed.ONLINE, "disk full") is Observed.ERROR
    assert after_heartbeat(Observed.ERROR, None) is Observed.ONLINE


def test_a_policy_under_which_one_late_heartbeat_is_silence_is_refused() -> None:
    with pytest.raises(ValueError, match="offline_after"):
        LivenessPolicy(heartbeat=timedelta(seconds=31))


@pytest.mark.parametrize(
    ("lost_after_s", "stop_s"), [(120, 90), (3600, 3570), (60, 30), (40, 20), (30, 15)]
)
def test_a_runner_stops_thirty_seconds_before_its_work_is_lost_or_at_half_time(
    lost_after_s: float, stop_s: float
) -> None:
    assert stop_after_s(lost_after_s) == stop_s


@given(st.integers(30, 10**6))
def test_the_kill_is_over_before_the_work_is_lost(lost_after_s: int) -> None:
    assert 0 < stop_after_s(lost_after_s) + KILL_GRACE.total_seconds() < lost_after_s
