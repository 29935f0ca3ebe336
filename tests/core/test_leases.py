"""Leases: the order of stop, kill, lost and requeue, and our own outages."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executors.core.leases import (
    LeasePolicy,
    Pulse,
    PulseSource,
    beat,
    is_overdue,
    lease_ends,
    steady_since,
)

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
POLICY = LeasePolicy()
LONG_AGO = NOW - timedelta(days=1)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def pulses(gateway: Pulse | None = None, sweeper: Pulse | None = None) -> list[Pulse]:
    return [
        gateway or Pulse(PulseSource.GATEWAY, seen_at=NOW, steady_since=LONG_AGO),
        sweeper or Pulse(PulseSource.SWEEPER, seen_at=NOW, steady_since=LONG_AGO),
    ]


@given(st.integers(30, 10**6))
def test_stop_and_kill_come_before_lost_and_lost_before_requeue(lost_after_s: int) -> None:
    stopped_s = POLICY.stop_after_s(lost_after_s) + POLICY.kill_grace.total_seconds()
    requeue_s = lost_after_s + POLICY.requeue_delay(timedelta(0)).total_seconds()
    assert POLICY.heartbeat.total_seconds() < stopped_s < lost_after_s < requeue_s


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"kill_grace": timedelta(seconds=15)}, "kill_grace"),
        ({"stop_margin": timedelta(seconds=10)}, "kill_grace"),
        ({"min_lost_after_s": 20}, "heartbeat"),
        ({"heartbeat": timedelta(seconds=20)}, "heartbeat"),
        ({"heartbeat": timedelta(seconds=40)}, "offline_after"),
        ({"requeue_grace": timedelta(0)}, "requeue_grace"),
        ({"outage_gap": timedelta(seconds=10)}, "outage_gap"),
        ({"default_lost_after_s": 29}, "default_lost_after_s"),
    ],
)
def test_settings_that_break_the_order_are_refused_by_name(
    settings: dict[str, timedelta], named: str
) -> None:
    with pytest.raises(ValueError, match=named):
        LeasePolicy(**settings)  # type: ignore[arg-type]


def test_lost_work_waits_for_the_grace_or_its_own_delay_whichever_is_longer() -> None:
    assert POLICY.requeue_delay(timedelta(seconds=5)) == timedelta(seconds=15)
    assert POLICY.requeue_delay(timedelta(seconds=50)) == timedelta(seconds=50)


@pytest.mark.parametrize(("silent_s", "overdue"), [(0, False), (119.9, False), (120, True)])
def test_work_is_lost_after_its_time_of_silence(silent_s: float, overdue: bool) -> None:
    assert is_overdue(ago(silent_s), 120, now=NOW, floor=LONG_AGO) is overdue


def test_a_lease_counts_from_the_last_heartbeat_or_the_end_of_our_outage() -> None:
    assert lease_ends(ago(50), 120) == NOW + timedelta(seconds=70)
    assert lease_ends(ago(600), 120, floor=ago(10)) == NOW + timedelta(seconds=110)
    assert lease_ends(ago(50), 120, floor=ago(600)) == NOW + timedelta(seconds=70)


def test_ten_minutes_of_our_own_outage_lose_nobodys_work() -> None:
    """Every lease then looks 600 s old; the pulses say why."""
    restarted = [
        beat(pulse.source, pulse, now=NOW, policy=POLICY)
        for pulse in (
            Pulse(PulseSource.GATEWAY, seen_at=ago(600), steady_since=LONG_AGO),
            Pulse(PulseSource.SWEEPER, seen_at=ago(600), steady_since=LONG_AGO),
        )
    ]
    for later_s, overdue in ((0, False), (119, False), (120, True)):
        then = NOW + timedelta(seconds=later_s)
        beaten = [beat(p.source, replace_seen(p, then), now=then, policy=POLICY) for p in restarted]
        floor = steady_since(beaten, now=then, policy=POLICY)
        assert is_overdue(ago(600), 120, now=then, floor=floor) is overdue


def replace_seen(pulse: Pulse, then: datetime) -> Pulse:
    return Pulse(pulse.source, then - timedelta(seconds=5), pulse.steady_since)


@pytest.mark.parametrize("source", PulseSource)
def test_a_part_that_is_away_holds_every_lease(source: PulseSource) -> None:
    away = Pulse(source, seen_at=ago(16), steady_since=LONG_AGO)
    present = [pulse for pulse in pulses() if pulse.source is not source]
    for known in ([*present, away], present):
        assert steady_since(known, now=NOW, policy=POLICY) is None
    assert not is_overdue(LONG_AGO, 30, now=NOW, floor=None)


@pytest.mark.parametrize("source", PulseSource)
def test_after_a_gap_in_either_part_expiry_waits_one_lease(source: PulseSource) -> None:
    back = Pulse(source, seen_at=NOW, steady_since=ago(119))
    known = [back, *(pulse for pulse in pulses() if pulse.source is not source)]
    floor = steady_since(known, now=NOW, policy=POLICY)
    assert not is_overdue(LONG_AGO, 120, now=NOW, floor=floor)
    assert is_overdue(LONG_AGO, 119, now=NOW, floor=floor)


def test_a_first_start_waits_one_lease_as_well() -> None:
    first = [beat(source, None, now=NOW, policy=POLICY) for source in PulseSource]
    floor = steady_since(first, now=NOW, policy=POLICY)
    assert floor == NOW
    assert not is_overdue(LONG_AGO, 30, now=NOW, floor=floor)


def test_a_pulse_that_was_late_but_within_the_gap_changes_nothing() -> None:
    pulse = Pulse(PulseSource.GATEWAY, seen_at=ago(15), steady_since=LONG_AGO)
    beaten = beat(pulse.source, pulse, now=NOW, policy=POLICY)
    assert beaten == Pulse(PulseSource.GATEWAY, seen_at=NOW, steady_since=LONG_AGO)


@given(st.lists(st.integers(1, 40), min_size=1, max_size=30))
def test_whatever_the_gaps_steady_means_no_gap_since(gaps: list[int]) -> None:
    pulse = None
    moment = broken = NOW
    for gap in gaps:
        moment += timedelta(seconds=gap)
        if pulse is None or gap > 15:
            broken = moment
        pulse = beat(PulseSource.GATEWAY, pulse, now=moment, policy=POLICY)
        assert (pulse.seen_at, pulse.steady_since) == (moment, broken)
