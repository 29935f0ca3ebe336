"""A look at a cluster writes what it saw, in few statements, and believes no list that errs."""

import time

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents.models import Agent, Session
from k8s4r import clock
from pools.core.ports import CONFIG_LABEL, POD_LABEL, ClusterRefused, Listing, OtherPod
from pools.models import Pod, Pool, Reach
from pools.services import reach, reconciling
from pools.services.pods import NewPod, make
from tests.builders import (
    NOON,
    a_pod,
    a_pod_pool,
    a_ready_pod,
    a_task,
    an_attempt,
    state_of,
)
from tests.clusters import RUNS, Played, a_played_cluster, state
from tests.services.test_acting import in_cluster

pytestmark = pytest.mark.django_db


def ready(pool: Pool, fake, count: int) -> list[Pod]:
    pods = [a_ready_pod(pool) for _ in range(count)]
    for pod in pods:
        in_cluster(fake, pod)
        fake.tell(pod.name, **RUNS)
    return pods


def reach_of(pool: Pool) -> Reach:
    return Reach.objects.get(pk=pool.k8s_config_id)


def test_after_a_restart_with_an_empty_memory_every_pod_is_found_again(now):
    pool = a_pod_pool()
    fake, played = a_played_cluster(pool)
    pod = a_pod(pool)
    played.work(pool)
    Session.objects.create(
        id=clock.new_id(), agent=pod.agent, slots=3, opened_at=now, last_heartbeat_at=now
    )
    fake.tell(pod.name, **RUNS)
    Played(dict(played.ports)).work(pool)
    pod.refresh_from_db()
    assert (pod.state, pod.node, pod.ready_at) == ("ready", "n1", NOON)


def test_pods_of_others_are_never_touched():
    pool = a_pod_pool()
    fake, played = a_played_cluster(pool)
    for name, labels in (("web", {}), ("other", {CONFIG_LABEL: "another-config"})):
        fake.create_pod({"metadata": {"name": name, "labels": labels}})
    for _ in range(3):
        played.work(pool, after_s=300)
    assert set(fake.pods) == {"web", "other"}


def test_a_pod_with_our_label_and_no_row_is_deleted_when_it_is_seen_again():
    pool = a_pod_pool()
    fake, played = a_played_cluster(pool)
    labels = {CONFIG_LABEL: str(pool.k8s_config_id), POD_LABEL: str(clock.new_id())}
    fake.create_pod({"metadata": {"name": "ghost", "labels": labels}})
    played.work(pool, after_s=300)
    assert "ghost" in fake.pods
    played.work(pool, after_s=30)
    assert fake.pods == {}


def test_a_stray_that_may_not_be_deleted_keeps_nobody_from_the_rest():
    pool = a_pod_pool()
    fake, played = a_played_cluster(pool)
    for name in ("protected", "replaced", "ghost"):
        labels = {CONFIG_LABEL: str(pool.k8s_config_id), POD_LABEL: str(clock.new_id())}
        fake.create_pod({"metadata": {"name": name, "labels": labels}})

    class Guarded(Through):
        def delete_pod(self, name, *, uid, grace_s=None):
            if name == "protected":
                raise ClusterRefused("denied by a policy", http_status=403)
            if name == "replaced":
                raise OtherPod("it has another uid")
            return self._fake.delete_pod(name, uid=uid)

    played.ports[pool.k8s_config_id] = Guarded(fake)
    played.work(pool, after_s=300)
    pod = a_pod(pool, now=played.at)
    assert played.work(pool, after_s=30)
    assert set(fake.pods) == {"protected", "replaced", pod.name}


def test_a_node_that_is_away_makes_pods_unknown_and_their_work_stays(now):
    pool = a_pod_pool()
    fake, played = a_played_cluster(pool)
    (pod,) = ready(pool, fake, 1)
    attempt = an_attempt(a_task(pool), pod.agent, state="running")
    fake.nodes["n1"] = False
    fake.tell(pod.name, ready=False)
    played.work(pool)
    pod.refresh_from_db()
    assert (pod.state, pod.failure, state_of(attempt)) == ("unknown", "node_lost", "running")
    fake.nodes["n1"] = True
    fake.tell(pod.name, ready=True)
    played.work(pool, after_s=5)
    pod.refresh_from_db()
    assert (pod.state, pod.failure) == ("ready", "")


def test_an_account_that_may_not_read_nodes_still_sees_pods():
    pool = a_pod_pool()
    fake, played = a_played_cluster(pool)
    (pod,) = ready(pool, fake, 1)
    fake.tell(pod.name, ready=False)

    class Blind(Through):
        def node_ready(self, name):
            raise ClusterRefused("nodes is forbidden", http_status=403)

    played.ports[pool.k8s_config_id] = Blind(fake)
    assert played.work(pool)
    assert state(pod) == "unknown"


def test_a_pod_that_vanished_loses_its_work_now_and_its_agent_leaves(now):
    pool = a_pod_pool()
    fake, played = a_played_cluster(pool)
    (pod,) = ready(pool, fake, 1)
    attempt = an_attempt(a_task(pool), pod.agent, state="running")
    fake.vanish(pod.name)
    played.work(pool)
    assert (state(pod), state_of(attempt), state_of(attempt.task)) == ("gone", "lost", "pending")
    assert Agent.objects.get(pk=pod.agent_id).archived_at is not None
    assert not Session.objects.filter(agent=pod.agent_id, ended_at=None).exists()


class Through:
    """Another way into a cluster, which answers as that does."""

    def __init__(self, fake) -> None:
        self._fake = fake

    def __getattr__(self, name):
        return getattr(self._fake, name)


class Empty(Through):
    """A cluster whose list of pods errs; whatever else is asked is answered."""

    def __init__(self, fake, *, lies_by_name: bool = True) -> None:
        super().__init__(fake)
        self._lies = lies_by_name

    def list_pods(self, config):
        self._fake.list_pods(config)
        return Listing(pods=[])

    def pod(self, name):
        return None if self._lies else self._fake.pod(name)


def test_an_empty_list_by_mistake_is_held_and_alarmed_and_changes_nothing():
    pool = a_pod_pool()
    fake, played = a_played_cluster(pool)
    pods = ready(pool, fake, 6)
    played.ports[pool.k8s_config_id] = Empty(fake)
    played.work(pool)
    assert {state(pod) for pod in pods} == {"ready"}
    assert reach_of(pool).alarm.startswith("pods_missing: 6 of 6")
    played.ports[pool.k8s_config_id] = fake
    played.work(pool, after_s=30)
    assert (reach_of(pool).alarm, {state(pod) for pod in pods}) == ("", {"ready"})


def test_an_empty_list_twice_still_believes_who_is_asked_by_name():
    pool = a_pod_pool()
    fake, played = a_played_cluster(pool)
    pods = ready(pool, fake, 6)
    played.ports[pool.k8s_config_id] = Empty(fake, lies_by_name=False)
    for _ in range(2):
        played.work(pool, after_s=30)
    assert {state(pod) for pod in pods} == {"ready"}


def test_another_cluster_behind_the_same_name_is_not_believed_nor_worked_on():
    pool = a_pod_pool()
    fake, played = a_played_cluster(pool)
    (pod,) = ready(pool, fake, 1)
    played.work(pool)
    other = type(fake)(namespace="k8s4r")
    played.ports[pool.k8s_config_id] = other
    a_pod(pool)
    for _ in range(3):
        assert not played.work(pool, after_s=60)
    assert (state(pod), other.pods) == ("ready", {})
    assert reach_of(pool).alarm.startswith("other_cluster")
    played.ports[pool.k8s_config_id] = fake
    assert played.work(pool, after_s=60)
    assert (reach_of(pool).alarm, len(fake.pods)) == ("", 2)


def test_one_worker_has_a_cluster_at_a_time_and_a_dead_one_lets_go(now):
    pool = a_pod_pool()
    lease = reach.take(pool.k8s_config_id, now=now)
    assert lease is not None
    assert reach.take(pool.k8s_config_id, now=now) is None
    assert reach.take(pool.k8s_config_id, now=now + reach.LEASE) is not None
    reach.release(lease)
    assert reach.take(pool.k8s_config_id, now=now + reach.LEASE) is None, "it is another's now"


def test_who_lost_the_lease_keeps_nothing_of_what_it_saw(now):
    pool = a_pod_pool()
    late = reach.take(pool.k8s_config_id, now=now)
    other = reach.take(pool.k8s_config_id, now=now + reach.LEASE)
    fake, played = a_played_cluster(pool)
    reconciling.run(late, fake, now=now, rules=played.rules)
    row = reach_of(pool)
    assert (row.cluster_uid, row.observed_at, row.leased_until) == ("", None, other.until)


def test_a_config_that_is_switched_off_is_left_alone(now):
    pool = a_pod_pool()
    type(pool.k8s_config).objects.filter(pk=pool.k8s_config_id).update(active=False)
    assert reach.take(pool.k8s_config_id, now=now) is None


def test_a_thousand_pods_are_looked_at_in_twenty_statements_and_a_second(now):
    pool = a_pod_pool()
    fake, played = a_played_cluster(pool)
    pods = make(pool, [NewPod() for _ in range(1000)], now=now)
    for pod in pods:
        in_cluster(fake, pod)
        fake.tell(pod.name, uid=str(clock.new_id()), **RUNS)
    lease = reach.take(pool.k8s_config_id, now=now)
    fake.calls.clear()
    began = time.perf_counter()
    with CaptureQueriesContext(connection) as asked:
        reconciling.run(lease, fake, now=now, rules=played.rules)
    took_s = time.perf_counter() - began
    assert Pod.objects.filter(state="starting", node="n1").count() == 1000
    assert (len(asked) <= 20, fake.calls) == (True, ["cluster_uid", "list_pods"]), len(asked)
    assert took_s < 5, "a generous bound: the benchmark says more"
