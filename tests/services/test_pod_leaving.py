"""A failed pod goes once its work is settled; one that a person drained, once it is idle."""

import pytest

from agents.models import Agent
from executors.models import Attempt
from executors.services import departures, pod_drains, scaling
from k8s4r.access import selectors
from pools.core.pods import ActionKind
from pools.models import PodAction
from pools.services import acting, pods
from tests.builders import (
    NOON,
    a_pod,
    a_pod_pool,
    a_ready_pod,
    a_task,
    an_admin,
    an_attempt,
    seconds,
)

pytestmark = pytest.mark.django_db


def drained(pod):
    principal = selectors.person(an_admin())
    return pod_drains.drain(pod.pk, principal=principal, now=NOON, note="disk is full")


def desired(pod):
    row = Agent.objects.get(pk=pod.agent_id)
    return row.desired, row.desired_note, row.desired_by


def deleted(pod):
    """Is it on its way out, with what that takes asked for?"""
    pod.refresh_from_db()
    asked = PodAction.objects.filter(pod=pod, kind="delete", state="pending")
    return (pod.state, asked.count()) == ("deleting", 1)


def test_a_failed_pod_is_let_go_after_its_agent_was_archived():
    pool = a_pod_pool(max_pods=1)
    pod = a_pod(pool, state="failed", failure="oom_killed")
    departures.settle(now=NOON, limit=10)
    assert Agent.objects.get(pk=pod.agent_id).archived_at == NOON
    scaling.look(pool.pk, now=NOON, aging_weight_s=60)
    assert deleted(pod)


def test_a_pod_drained_by_a_person_goes_with_the_last_of_its_work():
    pool = a_pod_pool()
    pod = a_ready_pod(pool)
    attempt = an_attempt(a_task(pool), pod.agent, state="held")
    assert drained(pod).state == "draining"
    scaling.look(pool.pk, now=NOON, aging_weight_s=60)
    assert not deleted(pod)
    Attempt.objects.filter(pk=attempt.pk).update(state="succeeded", ended_at=NOON)
    scaling.look(pool.pk, now=NOON, aging_weight_s=60)
    assert deleted(pod)
    assert desired(pod) == ("draining", "disk is full", "alice")


@pytest.mark.parametrize("state", ["failed", "deleting"])
@pytest.mark.parametrize("is_archived", [False, True])
def test_a_pod_that_is_kept_to_be_looked_at_goes_when_a_person_drains_it(state, is_archived):
    pod = a_pod(a_pod_pool(), state=state, failure="oom_killed")
    archived_at = NOON if is_archived else None
    wish = "revoked" if is_archived else "active"
    Agent.objects.filter(pk=pod.agent_id).update(desired=wish, archived_at=archived_at)
    pods.ask([pod.pk], ActionKind.DELETE, now=NOON, not_before=NOON + seconds(3_600))
    for _ in range(2):
        assert drained(pod).state == "deleting"
    assert PodAction.objects.get(pod=pod, kind="delete", state="pending").not_before == NOON
    assert desired(pod)[0] == ("revoked" if is_archived else "draining")


def test_a_failed_pod_that_a_person_drains_stays_until_its_work_is_settled():
    pool = a_pod_pool()
    pod = a_ready_pod(pool, state="failed", failure="evicted")
    an_attempt(a_task(pool), pod.agent, state="running")
    assert drained(pod).state == "failed"
    acting.prepare(pod.config_id, now=NOON)
    assert not deleted(pod)
    departures.settle(now=NOON, limit=10)
    acting.prepare(pod.config_id, now=NOON)
    assert deleted(pod)
