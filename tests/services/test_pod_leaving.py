"""A failed pod goes once its work is settled; one that a person drained, once it is idle."""

import pytest

from agents.models import Agent
from executors.models import Attempt
from executors.services import departures, pod_drains, scaling
from k8s4r.access import selectors
from pools.models import PodAction
from tests.builders import NOON, a_pod, a_pod_pool, a_ready_pod, a_task, an_admin, an_attempt

pytestmark = pytest.mark.django_db


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
    drained = pod_drains.drain(pod.pk, principal=selectors.person(an_admin()), now=NOON, note="x")
    assert drained.is_busy
    scaling.look(pool.pk, now=NOON, aging_weight_s=60)
    assert not deleted(pod)
    Attempt.objects.filter(pk=attempt.pk).update(state="succeeded", ended_at=NOON)
    scaling.look(pool.pk, now=NOON, aging_weight_s=60)
    assert deleted(pod)
