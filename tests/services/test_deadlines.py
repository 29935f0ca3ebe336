"""Queue, run and silence deadlines, and delays that are over. Time is literal."""

import pytest

from agents.models import Agent
from executors import wakeups
from executors.core.leases import LeasePolicy, PulseSource
from executors.models import Attempt, Task
from executors.services import expiry
from executors.services.pulses import Pulse
from tests.builders import NOON, a_pool, a_task, an_agent, an_attempt, seconds, state_of

pytestmark = pytest.mark.django_db
POLICY = LeasePolicy()


@pytest.fixture(autouse=True)
def _control_plane_up_since_long_ago():
    for source in PulseSource:
        Pulse.objects.create(
            source=source, steady_since=NOON - seconds(3600), seen_at=NOON + seconds(9999)
        )


@pytest.fixture
def news():
    """Collect the news of this process."""
    collected = []
    wakeups.LISTENERS.add(collected.append)
    yield collected
    wakeups.LISTENERS.remove(collected.append)


def expire_queue(at_s):
    return expiry.expire_queue(now=NOON + seconds(at_s), limit=100)


def expire_runs(at_s):
    return expiry.expire_runs(now=NOON + seconds(at_s), limit=100)


def expire_silence(at_s):
    return expiry.expire_silence(now=NOON + seconds(at_s), limit=100, policy=POLICY)


def running(**fields):
    agent = an_agent(now=NOON - seconds(600))
    task = a_task(a_pool(agent), now=NOON - seconds(600))
    return an_attempt(task, agent, state="running", **fields)


def test_a_task_that_was_not_assigned_in_time_times_out():
    task = a_task(a_pool(), queue_deadline_at=NOON + seconds(30))
    assert expire_queue(29) == 0
    assert expire_queue(30) == 1
    row = Task.objects.get(pk=task.pk)
    assert (row.state, row.reason, row.ended_at) == (
        "timed_out", "queue_deadline", NOON + seconds(30),
    )  # fmt: skip
    assert expire_queue(31) == 0


def test_a_retry_does_not_queue_anew():
    task = a_task(a_pool(), queue_deadline_at=NOON + seconds(30), attempts_made=1)
    assert expire_queue(31) == 0
    assert state_of(task) == "pending"


def test_an_assigned_task_has_met_its_queue_deadline():
    agent = an_agent()
    task = a_task(a_pool(agent), queue_deadline_at=NOON + seconds(30))
    an_attempt(task, agent)
    assert expire_queue(31) == 0
    assert state_of(task) == "dispatching"


def test_work_past_its_run_deadline_is_told_to_stop(news, django_capture_on_commit_callbacks):
    attempt = running(run_deadline_at=NOON + seconds(10))
    assert expire_runs(9) == 0

    with django_capture_on_commit_callbacks(execute=True):
        assert expire_runs(10) == 1

    attempt.refresh_from_db()
    assert (attempt.state, attempt.stop_reason) == ("stopping", "run_deadline")
    task = Task.objects.get(pk=attempt.task_id)
    assert (task.state, task.stop_requested_at) == ("running", NOON + seconds(10))
    assert [one.agents for one in news] == [{attempt.agent_id}]
    assert expire_runs(11) == 0


def test_a_cancel_is_not_turned_into_a_deadline():
    attempt = running(run_deadline_at=NOON + seconds(10))
    Attempt.objects.filter(pk=attempt.pk).update(state="stopping", stop_reason="cancel")
    assert expire_runs(11) == 0
    assert Attempt.objects.get(pk=attempt.pk).stop_reason == "cancel"


def test_work_that_reports_nothing_is_told_to_stop():
    attempt = running(silence_timeout_s=60)
    assert expire_silence(59) == 0
    assert expire_silence(60) == 1
    attempt.refresh_from_db()
    assert (attempt.state, attempt.stop_reason) == ("stopping", "silence_deadline")


def test_a_report_puts_the_silence_deadline_off():
    running(silence_timeout_s=60, last_report_at=NOON + seconds(30))
    assert expire_silence(89) == 0
    assert expire_silence(90) == 1


def test_work_without_a_silence_deadline_may_be_silent():
    running()
    assert expire_silence(9000) == 0


def test_while_its_agent_is_away_the_lease_decides_and_not_the_silence():
    attempt = running(silence_timeout_s=60)
    Agent.objects.filter(pk=attempt.agent_id).update(observed="offline")
    assert expire_silence(600) == 0
    # It came back at 600 s; what it has to say comes with it.
    Agent.objects.filter(pk=attempt.agent_id).update(
        observed="online", changed_at=NOON + seconds(600)
    )
    assert expire_silence(659) == 0
    assert expire_silence(660) == 1


def test_the_time_in_which_we_were_away_is_nobodys_silence():
    running(silence_timeout_s=60)
    Pulse.objects.update(steady_since=NOON + seconds(600))
    assert expire_silence(659) == 0
    assert expire_silence(660) == 1


def test_a_delay_that_is_over_puts_the_task_into_the_queue(
    news, django_capture_on_commit_callbacks
):
    task = a_task(a_pool(), run_after=NOON + seconds(15))
    assert expiry.release_delayed(now=NOON + seconds(14), limit=100) == 0

    with django_capture_on_commit_callbacks(execute=True):
        assert expiry.release_delayed(now=NOON + seconds(15), limit=100) == 1

    assert Task.objects.get(pk=task.pk).run_after is None
    assert [one.pools for one in news] == [{task.pool_id}]
    assert expiry.release_delayed(now=NOON + seconds(16), limit=100) == 0
