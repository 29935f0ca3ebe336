"""Our own outages are seen, and the row says the same as the rule."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from executors.core import leases
from executors.core.leases import LeasePolicy, PulseSource
from executors.models import Pulse
from executors.services import pulses
from tests.builders import NOON, seconds

pytestmark = pytest.mark.django_db
POLICY = LeasePolicy()


def beat(source, at_s):
    pulses.beat(source, now=NOON + seconds(at_s), policy=POLICY)


def both_beat(*moments_s):
    for at_s in moments_s:
        beat(PulseSource.GATEWAY, at_s)
        beat(PulseSource.SWEEPER, at_s)


def steady_since(at_s):
    return pulses.steady_since(now=NOON + seconds(at_s), policy=POLICY)


def test_nothing_has_a_meaning_before_both_parts_were_seen():
    assert steady_since(0) is None
    beat(PulseSource.GATEWAY, 0)
    assert steady_since(0) is None
    beat(PulseSource.SWEEPER, 3)
    assert steady_since(3) == NOON + seconds(3)


def test_regular_pulses_keep_the_time_since_which_we_are_steady():
    both_beat(0, 5, 10, 15, 30)
    assert steady_since(31) == NOON


@pytest.mark.parametrize("source", list(PulseSource))
def test_a_gap_in_either_part_begins_anew_for_both(source):
    both_beat(0, 5)
    for at_s in (10, 15, 20, 25):
        beat(next(other for other in PulseSource if other is not source), at_s)
    beat(source, 25)
    assert steady_since(25) == NOON + seconds(25)


def test_while_a_part_is_away_silence_has_no_meaning():
    both_beat(0, 5)
    beat(PulseSource.SWEEPER, 20)
    beat(PulseSource.SWEEPER, 21)
    assert steady_since(21) is None


def test_a_canary_of_a_queue_says_nothing_about_gateway_or_sweeper():
    both_beat(0)
    beat("queue.sweeps", 60)
    assert steady_since(5) == NOON
    assert Pulse.objects.get(source="queue.sweeps").seen_at == NOON + seconds(60)


class TheRowAndTheRule(TestCase):
    """`pulses.beat` is one statement; it must do what `leases.beat` says."""

    @settings(max_examples=30)
    @given(st.lists(st.integers(0, 120), min_size=1, max_size=6))
    def test_the_row_follows_the_rule(self, moments_s):
        expected = None
        for at_s in moments_s:
            now = NOON + seconds(at_s)
            pulses.beat(PulseSource.GATEWAY, now=now, policy=POLICY)
            expected = leases.beat(PulseSource.GATEWAY, expected, now=now, policy=POLICY)
        row = Pulse.objects.get(source="gateway")
        assert (row.seen_at, row.steady_since) == (expected.seen_at, expected.steady_since)
