"""A periodic run is done once, whoever asks and how often."""

import pytest

from executors.core.schedule import PERIODS, Job, due, tick
from executors.models import Tick
from executors.services import ticks
from tests.builders import NOON, seconds

pytestmark = pytest.mark.django_db


def test_a_tick_is_taken_once():
    assert ticks.take({"leases": NOON}, now=NOON) == {"leases"}
    assert ticks.take({"leases": NOON}, now=NOON + seconds(1)) == frozenset()
    assert Tick.objects.get().taken_at == NOON


def test_another_job_and_the_next_tick_are_free():
    ticks.take({"leases": NOON}, now=NOON)
    assert ticks.take({"silence": NOON}, now=NOON) == {"silence"}
    assert ticks.take({"leases": NOON + seconds(5)}, now=NOON + seconds(5)) == {"leases"}


def test_of_many_jobs_the_free_ones_are_taken():
    ticks.take({"silence": NOON}, now=NOON)
    moments = {"leases": NOON, "silence": NOON, "delayed": NOON}
    assert ticks.take(moments, now=NOON) == {"leases", "delayed"}


@pytest.mark.parametrize(
    ("now_s", "period_s", "tick_s"),
    [(0, 5, 0), (4.999, 5, 0), (5, 5, 5), (61, 60, 60), (1.5, 1, 1)],
)
def test_the_tick_is_the_present_time_floored_to_the_period(now_s, period_s, tick_s):
    assert tick(NOON + seconds(now_s), seconds(period_s)) == NOON + seconds(tick_s)


def test_every_job_has_a_period_and_a_present_tick():
    assert list(PERIODS) == list(Job)
    assert list(due(NOON)) == list(Job)
