"""The environment's settings reach the policies, and settings that do not fit are named."""

from datetime import timedelta

import pytest

from executors import conf
from k8s4r.settings import Environment


@pytest.fixture
def environment(settings):
    """Give the process other settings for one test."""

    def give(**values):
        settings.ENV = Environment(**values)
        conf.leases.cache_clear()
        conf.retention.cache_clear()

    yield give
    conf.leases.cache_clear()
    conf.retention.cache_clear()


def test_durations_of_the_lease_come_from_the_environment(environment):
    environment(heartbeat_s=2, offline_after_s=6, requeue_grace_s=3, outage_gap_s=12)
    policy = conf.leases()
    assert policy.heartbeat == timedelta(seconds=2)
    assert policy.offline_after == timedelta(seconds=6)
    assert policy.requeue_grace == timedelta(seconds=3)
    assert policy.outage_gap == timedelta(seconds=12)


def test_durations_that_do_not_fit_each_other_are_refused_by_name(environment):
    environment(kill_grace_s=60)
    with pytest.raises(ValueError, match="kill_grace"):
        conf.leases()


def test_retention_comes_from_the_environment(environment):
    environment(task_retention_days=7, event_retention_months=2)
    assert conf.retention().tasks == timedelta(days=7)
    assert conf.retention().event_months == 2
