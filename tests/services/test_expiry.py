"""Silent agents: when their work is given up, and what becomes of it. Time is literal."""

import pytest

from agents.models import Agent, Session
from executors.core.leases import LeasePolicy, PulseSource
from executors.core.lifecycle import TASK_TERMINAL
from executors.models import Attempt, Task
from executors.services import dispatch, expiry, pulses
from k8s4r.audit.models import AuditEvent
from tests.builders import (
    NOON,
    a_pool,
    a_task,
    a_tasks,
    an_agent,
    an_attempt,
    seconds,
    session_of,
    state_of,
)

pytestmark = pytest.mark.django_db
POLICY = LeasePolicy()
LOST_S = 120


@pytest.fixture(autouse=True)
def _control_plane_up_since_long_ago():
    steady(NOON - seconds(3600))


def steady(since, seen=None):
    """Say that gateway and sweeper have been up since then, and still are unless said."""
    for source in PulseSource:
        pulses.Pulse.objects.update_or_create(
            source=source, defaults={"steady_since": since, "seen_at": seen or NOON + seconds(9999)}
        )


def expire_leases(at_s, limit=100):
    return expiry.expire_leases(now=NOON + seconds(at_s), limit=limit, policy=POLICY)


def expire_heartbeats(at_s):
    return expiry.expire_heartbeats(now=NOON + seconds(at_s), limit=100, policy=POLICY)


def work(state="running", **fields):
    """Return a task and its attempt, whose agent was heard last at noon."""
    agent = an_agent()
    task = a_task(a_pool(agent), **fields)
    return task, an_attempt(task, agent, state=state)


@pytest.mark.parametrize("state", ["assigned", "running"])
def test_work_is_given_up_at_lost_after_and_not_a_second_before(state):
    task, attempt = work(state)
    before = state_of(task)

    assert expire_leases(LOST_S - 1) == 0
    assert (state_of(attempt), state_of(task)) == (state, before)

    assert expire_leases(LOST_S) == 1
    assert (state_of(attempt), state_of(task)) == ("lost", "pending")
    event = AuditEvent.objects.filter(object_id=task.pk).latest("id")
    assert (event.actor_kind, event.cause, event.to_state) == ("system", "lease_expiry", "pending")


def test_each_task_has_its_own_time():
    _, short = work(lost_after_s=30)
    _, long = work(lost_after_s=600)
    expire_leases(31)
    assert (state_of(short), state_of(long)) == ("lost", "running")


def test_one_heartbeat_renews_all_that_its_agent_runs():
    agent = an_agent(slots=2)
    attempts = [an_attempt(task, agent, state="running") for task in a_tasks(a_pool(agent), 2)]
    Session.objects.filter(agent=agent).update(last_heartbeat_at=NOON + seconds(50))
    assert expire_leases(LOST_S + 49) == 0
    assert expire_leases(LOST_S + 50) == 2
    assert {state_of(attempt) for attempt in attempts} == {"lost"}


def test_lost_work_waits_for_the_grace_before_anybody_may_start_it_again():
    task, _ = work()
    other = an_agent(now=NOON + seconds(100))
    pool = a_pool(other)
    Task.objects.filter(pk=task.pk).update(pool=pool)
    expire_leases(LOST_S)
    assert Task.objects.get(pk=task.pk).run_after >= NOON + seconds(LOST_S + 15)

    def second_attempt(at_s):
        now = NOON + seconds(at_s)
        expiry.release_delayed(now=now, limit=100)
        dispatch.run_pass(pool.pk, now=now, aging_weight_s=60)
        return Attempt.objects.filter(task=task, number=2).exists()

    assert not second_attempt(LOST_S + 14)
    assert second_attempt(LOST_S + 15)


def test_the_slot_of_lost_work_is_free_and_the_task_has_no_current_attempt():
    task, attempt = work()
    expire_leases(LOST_S)
    assert an_attempt(a_task(task.pool), attempt.agent).slot_id == attempt.slot_id
    assert not Attempt.objects.filter(task=task, ended_at__isnull=True).exists()


def test_policy_stop_ends_the_task():
    task, attempt = work(disconnect="stop")
    expire_leases(LOST_S)
    row = Task.objects.get(pk=task.pk)
    assert (row.state, row.reason, row.ended_at) == ("failed", "agent_lost", NOON + seconds(LOST_S))
    assert state_of(attempt) == "lost"


def test_policy_wait_makes_it_unknown_and_nobody_starts_it_again():
    task, attempt = work(disconnect="wait")
    expire_leases(LOST_S)
    assert (state_of(task), state_of(attempt)) == ("unknown", "unknown")
    assert expire_leases(LOST_S + 10_000) == 0
    other = an_agent(now=NOON + seconds(10_000))
    pool = a_pool(other)
    Task.objects.filter(pk=task.pk).update(pool=pool)
    dispatch.run_pass(pool.pk, now=NOON + seconds(10_001), aging_weight_s=60)
    assert (state_of(task), Attempt.objects.filter(task=task).count()) == ("unknown", 1)


def test_the_last_attempt_that_is_lost_ends_the_task():
    task, _ = work(retry={"max_attempts": 1})
    expire_leases(LOST_S)
    row = Task.objects.get(pk=task.pk)
    assert (row.state, row.reason) == ("failed", "agent_lost")


@pytest.mark.parametrize(
    ("reason", "disconnect", "retry", "ends"),
    [
        ("cancel", "replace", {}, "cancelled"),
        ("cancel", "wait", {}, "cancelled"),
        ("run_deadline", "replace", {}, "timed_out"),
        ("silence_deadline", "stop", {}, "timed_out"),
        ("run_deadline", "replace", {"on": ["timed_out"], "max_attempts": 3}, "pending"),
    ],
)
def test_an_agent_lost_while_stopping_ends_as_the_stop_says(reason, disconnect, retry, ends):
    task, attempt = work(disconnect=disconnect, retry=retry)
    Attempt.objects.filter(pk=attempt.pk).update(state="stopping", stop_reason=reason)
    expire_leases(LOST_S)
    assert (state_of(task), state_of(attempt)) == (ends, "lost")


def test_a_control_plane_that_was_away_for_ten_minutes_expires_nobody():
    task, attempt = work()
    agent = attempt.agent
    back = 600
    steady(NOON - seconds(3600), seen=NOON)

    # Back, but nothing has beaten yet: the stored pulses are ten minutes old.
    assert (expire_leases(back), expire_heartbeats(back)) == (0, 0)
    for source in PulseSource:
        pulses.beat(source, now=NOON + seconds(back), policy=POLICY)
    assert pulses.steady_since(now=NOON + seconds(back), policy=POLICY) == NOON + seconds(back)
    steady(NOON + seconds(back))

    assert (expire_leases(back), expire_heartbeats(back)) == (0, 0)
    assert (expire_leases(back + LOST_S - 1), expire_heartbeats(back + 59)) == (0, 0)
    assert (state_of(task), Agent.objects.get(pk=agent.pk).observed) == ("running", "online")
    # The agent that does not come back has had its whole time.
    assert (expire_leases(back + LOST_S), expire_heartbeats(back + 60)) == (1, 1)


@pytest.mark.parametrize("away", list(PulseSource))
def test_nothing_expires_while_a_part_of_our_own_is_away(away):
    work()
    pulses.Pulse.objects.filter(source=away).update(seen_at=NOON + seconds(300))
    assert (expire_leases(316), expire_heartbeats(316)) == (0, 0)
    assert (expire_leases(315), expire_heartbeats(315)) == (1, 1)


def test_a_second_run_finds_nothing_left():
    task, _ = work()
    assert (expire_leases(LOST_S), expire_leases(LOST_S)) == (1, 0)
    assert Attempt.objects.filter(task=task).count() == 1


def test_a_batch_takes_no_more_than_its_limit_and_the_next_takes_the_rest():
    for _ in range(3):
        work()
    assert [expire_leases(LOST_S, limit=2) for _ in range(3)] == [2, 1, 0]


@pytest.mark.parametrize("state", sorted(TASK_TERMINAL))
def test_what_has_ended_is_never_given_up(state):
    agent = an_agent()
    task = a_task(a_pool(agent), state=state, ended_at=NOON)
    Attempt.objects.filter(pk=an_attempt(a_task(task.pool), agent).pk).update(
        state="succeeded", ended_at=NOON, task=task
    )
    assert expire_leases(LOST_S + 1) == 0
    assert state_of(task) == state


def test_a_silent_agent_is_offline_after_a_minute_and_history_says_so():
    agent = an_agent()
    assert expire_heartbeats(59) == 0
    assert expire_heartbeats(60) == 1
    assert Agent.objects.get(pk=agent.pk).observed == "offline"
    event = AuditEvent.objects.filter(object_id=agent.pk).latest("id")
    assert (event.cause, event.from_state, event.to_state, event.at) == (
        "heartbeat_expiry", "online", "offline", NOON + seconds(60),
    )  # fmt: skip


def test_an_agent_that_was_heard_stays_online():
    agent = an_agent()
    Session.objects.filter(pk=session_of(agent).pk).update(last_heartbeat_at=NOON + seconds(30))
    assert expire_heartbeats(89) == 0


@pytest.mark.parametrize("observed", ["pending", "offline", "error"])
def test_only_online_agents_fall_silent(observed):
    agent = an_agent(observed=observed)
    assert expire_heartbeats(600) == 0
    assert Agent.objects.get(pk=agent.pk).observed == observed
