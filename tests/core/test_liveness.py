"""Liveness: what a heartbeat says, and when a runner stops by itself."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.core.liveness import (
    KILL_GRACE,
    LivenessPolicy,
    after_heartbeat,
    stop_after_s,
)
from agents.core.states import Observed


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
