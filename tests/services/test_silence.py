"""A pod is given up for its silence only while its agent is silent, and then for good."""

from datetime import timedelta

import pytest

from agents.models import Agent, Session
from k8s4r import clock
from pools.core import plan
from pools.core.ports import ContainerSeen
from pools.core.sightings import Rules
from pools.models import Pod
from pools.services import reach, reconciling
from tests.builders import NOON, a_pod, a_pod_pool
from tests.clusters import a_played_cluster, state
from tests.services.test_acting import in_cluster

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(minutes=10)


@pytest.fixture
def silent():
    """A pod that has run for ten minutes without a word, and the port to its cluster."""
    pool = a_pod_pool()
    pod = a_pod(pool, state="starting", uid=str(clock.new_id()))
    fake, _ = a_played_cluster(pool)
    in_cluster(fake, pod)
    fake.tell(
        pod.name, uid=pod.uid, phase="Running", ready=True, container=ContainerSeen(running=True)
    )
    return pod, fake


def decided(pod: Pod, fake):
    known = reconciling.known_pods(pod.config_id)
    lease = reach.take(pod.config_id, now=LATER)
    observed = reconciling.look(fake, known, pod.config_id)
    return plan.make(known, observed, lease.memory, now=LATER, rules=Rules()), lease


def test_a_pod_whose_agent_stays_silent_fails_and_its_agent_is_shut_out(silent):
    pod, fake = silent
    reconciling.write(*decided(pod, fake), now=LATER)
    pod.refresh_from_db()
    assert (pod.state, pod.failure) == ("failed", "agent_never_connected")
    assert Agent.objects.get(pk=pod.agent_id).desired == "revoked"


def test_a_pod_whose_agent_says_hello_after_we_looked_is_spared(silent):
    pod, fake = silent
    plan_of_before, lease = decided(pod, fake)
    Session.objects.create(
        id=clock.new_id(), agent=pod.agent, slots=3, opened_at=LATER, last_heartbeat_at=LATER
    )
    reconciling.write(plan_of_before, lease, now=LATER)
    assert state(pod) == "starting"
    assert Agent.objects.get(pk=pod.agent_id).desired == "active"
