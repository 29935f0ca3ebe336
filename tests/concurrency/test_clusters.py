"""Many workers on one cluster: each action is done once, and each cluster has one at a time."""

from threading import Barrier

import pytest

from executors.clusters.opening import OpenedClusters
from k8s4r import clock, database
from pools.core.sightings import Memory, Note, Plan
from pools.kube.fake import FakeCluster
from pools.models import Pod
from pools.opening import Opened
from pools.services import acting, health, pods, reach, reconciling
from pools.services.pods import NewPod
from tests.builders import a_k8s_config, a_pod_pool
from tests.clusters import PLATFORM, a_played_cluster
from tests.concurrency.racing import race, times

pytestmark = pytest.mark.django_db(transaction=True)


def test_eight_workers_that_act_at_once_make_each_pod_once():
    pool = a_pod_pool()
    pods.make(pool, [NewPod() for _ in range(40)], now=clock.now())
    fake, _ = a_played_cluster(pool)
    done = race(
        *times(8, lambda _: acting.run(pool.k8s_config_id, fake, PLATFORM, clock=clock.now))
    )
    assert (sum(done), fake.calls.count("create_pod"), len(fake.pods)) == (40, 40, 40)
    assert set(Pod.objects.values_list("state", flat=True)) == {"starting"}


def test_of_eight_workers_one_gets_the_cluster():
    pool, now = a_pod_pool(), clock.now()
    leases = race(*times(8, lambda _: reach.take(pool.k8s_config_id, now=now)))
    assert len([lease for lease in leases if lease is not None]) == 1


def test_two_that_write_of_the_same_pods_do_not_wait_for_each_other():
    """Notes in opposite orders, each one an update by the primary key, as in a large table."""
    pool, rounds = a_pod_pool(), 5
    made = [pod.pk for pod in pods.make(pool, [NewPod()] * 200, now=clock.now())]
    lease = reach.take(pool.k8s_config_id, now=clock.now())

    def write(ids, word):
        database.run(
            "SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_seqscan = off"
        )
        for number in range(rounds):
            notes = [Note(pod_id=pod_id, message=f"{word} {number}") for pod_id in ids]
            plan = Plan(memory=Memory(), notes=notes)
            reconciling.write(plan, lease, now=clock.now())

    race(lambda: write(made, "on"), lambda: write(made[::-1], "back"))
    assert Pod.objects.filter(message__endswith=f" {rounds - 1}").count() == 200


def test_of_eight_that_want_to_see_to_the_health_of_a_cluster_one_does():
    pool, now = a_pod_pool(), clock.now()
    assert sum(race(*times(8, lambda _: health.claim(pool.k8s_config_id, now=now)))) == 1


def test_two_threads_that_open_a_cluster_at_once_share_one_and_close_the_other():
    config, both_open, closed = a_k8s_config(), Barrier(2), []

    def opened(_config):
        port = FakeCluster()
        both_open.wait(30)
        return Opened(port, lambda: closed.append(port))

    clusters = OpenedClusters(opened)
    one, other = race(*times(2, lambda _: clusters.open(config.pk)))
    assert one is other
    assert len(closed) == 1
    assert one not in closed
