"""The work of pods that ended is settled now; that of pods out of sight is left alone."""

import pytest

from agents.models import Agent, Session
from executors.core.lifecycle import AttemptState
from executors.core.reunion import RESTORED
from executors.models import Attempt, Task
from executors.services import departures
from k8s4r.access.models import Token, TokenKind
from pools.core.pods import PodEvent
from pools.models import Pod
from pools.services import pods
from tests.builders import (
    a_held_plan,
    a_pod_pool,
    a_ready_pod,
    a_task,
    an_agent,
    an_attempt,
    state_of,
)

pytestmark = pytest.mark.django_db


def gone(pod: Pod, now) -> None:
    pods.move([pod.pk], PodEvent.GONE, now=now)


def fate(attempt: Attempt) -> tuple[str, str]:
    return state_of(attempt), state_of(attempt.task)


def test_what_a_pod_had_is_lost_now_and_tried_elsewhere(now):
    pool = a_pod_pool()
    pod = a_ready_pod(pool)
    attempts = [an_attempt(a_task(pool), pod.agent, state="running") for _ in range(3)]
    gone(pod, now)
    assert departures.settle(now=now, limit=10) == 1
    assert [fate(one) for one in attempts] == [("lost", "pending")] * 3
    assert Task.objects.get(pk=attempts[0].task_id).run_after is None, "nothing of it runs"
    agent = Agent.objects.get(pk=pod.agent_id)
    assert (agent.desired, agent.archived_at) == ("revoked", now)
    assert not Session.objects.filter(agent=agent, ended_at=None).exists()
    assert departures.settle(now=now, limit=10) == 0


def test_an_apply_is_unknown_and_a_person_has_to_look(now):
    pool = a_pod_pool()
    pod = a_ready_pod(pool)
    attempt = an_attempt(a_task(pool, phase="apply"), pod.agent, state="running")
    gone(pod, now)
    departures.settle(now=now, limit=10)
    assert fate(attempt) == ("unknown", "unknown")


def test_a_plan_goes_with_its_pod_and_after_a_restore_a_person_has_to_look(now):
    pool = a_pod_pool()
    pods_ = [a_ready_pod(pool) for _ in range(2)]
    plans = [a_held_plan(pool, pod.agent) for pod in pods_]
    Attempt.objects.filter(pk=plans[1].pk).update(reason=RESTORED)
    for pod in pods_:
        gone(pod, now)
    departures.settle(now=now, limit=10)
    assert [fate(one) for one in plans] == [("lost", "pending"), ("unknown", "unknown")]


def test_work_that_waits_for_its_agent_waits_no_longer(now):
    """`wait` means that it may still run: Kubernetes has said that it does not."""
    pool = a_pod_pool()
    pod = a_ready_pod(pool)
    attempt = an_attempt(a_task(pool, disconnect="wait"), pod.agent, state="running")
    Attempt.objects.filter(pk=attempt.pk).update(state=AttemptState.UNKNOWN)
    Task.objects.filter(pk=attempt.task_id).update(state="unknown")
    gone(pod, now)
    departures.settle(now=now, limit=10)
    assert fate(attempt) == ("lost", "pending")


def test_a_failed_pod_has_nothing_that_runs(now):
    pool = a_pod_pool()
    pod = a_ready_pod(pool)
    attempt = an_attempt(a_task(pool), pod.agent, state="running")
    pods.move([pod.pk], PodEvent.FAILED, now=now, failure="evicted")
    departures.settle(now=now, limit=10)
    assert fate(attempt) == ("lost", "pending")


@pytest.mark.parametrize("state", ["ready", "draining", "unknown", "deleting"])
def test_nobody_else_loses_anything(now, state):
    pool = a_pod_pool()
    pod = a_ready_pod(pool, state=state)
    attempt = an_attempt(a_task(pool), pod.agent, state="running")
    remote = an_attempt(a_task(pool), an_agent(), state="running")
    assert departures.settle(now=now, limit=10) == 0
    assert [fate(one) for one in (attempt, remote)] == [("running", "running")] * 2


def test_its_tokens_end_with_a_pod(now):
    pod = a_ready_pod(a_pod_pool())
    token = Token.objects.create(
        kind=TokenKind.AGENT,
        key_id="k" * 16,
        digest=b"d",
        subject=pod.agent_id,
        created_at=now,
    )
    gone(pod, now)
    departures.settle(now=now, limit=10)
    token.refresh_from_db()
    assert token.revoked_at == now


def test_many_pods_are_settled_in_a_constant_number_of_statements(
    now, django_assert_max_num_queries
):
    pool = a_pod_pool()
    for _ in range(20):
        pod = a_ready_pod(pool)
        an_attempt(a_task(pool), pod.agent, state="running")
        gone(pod, now)
    with django_assert_max_num_queries(16):
        assert departures.settle(now=now, limit=50) == 20
