"""Between us and the apiserver things get lost; nothing is made twice, nobody is believed gone."""

import threading
from datetime import timedelta

import pytest

from executors.clusters.watchtower import Watchtower
from k8s4r import clock
from pools.core.ports import ClusterUnreachable, WatchExpired
from pools.models import Pod, Reach
from tests.builders import a_pod
from tests.cluster.proxy import Break, Rule
from tests.clusters import Played
from tests.kube.clusters import reached
from tests.kube.conftest import Field, a_pool_in
from tests.waiting import wait_until

PODS = r"/pods(\?|$)"


def test_a_create_whose_answer_is_lost_makes_one_pod(broken_ground, proxy):
    proxy.rules.append(Rule("POST", PODS, Break.LOSE_REPLY, times=1))
    pod = a_pod(broken_ground.pool, now=broken_ground.now())
    assert not broken_ground.work()
    broken_ground.until(pod, "starting")
    assert [one["metadata"]["uid"] for one in broken_ground.namespace.pods()] == [pod.uid]


def test_a_server_that_asks_for_time_gets_it(broken_ground, proxy):
    proxy.rules.append(Rule("GET", PODS, Break.STATUS, status=429, retry_after_s=7, times=1))
    assert not broken_ground.work()
    reach = Reach.objects.get(pk=broken_ground.pool.k8s_config_id)
    assert (reach.retry_at - broken_ground.now()).total_seconds() > 5
    assert not broken_ground.work(after_s=3)
    assert broken_ground.work(after_s=5)


def test_a_list_that_expires_half_way_is_begun_again(broken_ground, proxy):
    proxy.rules.append(Rule("GET", PODS, Break.STATUS, status=410, times=2))
    assert broken_ground.port.list_pods("c").pods == []
    assert len([one for one in proxy.seen if "/pods" in one]) == 3


def test_a_watch_that_is_too_old_says_so(broken_ground, proxy):
    proxy.rules.append(Rule("GET", "watch=1", Break.STATUS, status=410))
    with pytest.raises(WatchExpired):
        next(broken_ground.port.watch_pods("c"))


@pytest.mark.parametrize("how", [Break.CUT, Break.BLACKHOLE])
def test_an_answer_that_does_not_come_says_nothing_of_what_happened(broken_ground, proxy, how):
    """`cluster_uid` waits for 5 s alone: a dead cluster costs no more than that."""
    proxy.rules.append(Rule("GET", "kube-system", how, cut_after_bytes=10))
    with pytest.raises(ClusterUnreachable):
        broken_ground.port.cluster_uid()


def test_an_empty_list_by_mistake_is_held_and_alarmed(broken_ground, proxy):
    rows = [a_pod(broken_ground.pool, now=broken_ground.now()) for _ in range(5)]
    broken_ground.work()
    proxy.rules.append(Rule("GET", PODS, Break.EMPTY_LIST))
    broken_ground.work(after_s=5)
    reach = Reach.objects.get(pk=broken_ground.pool.k8s_config_id)
    assert reach.alarm.startswith("pods_missing: 5 of 5")
    broken_ground.work(after_s=60)
    proxy.rules.clear()
    broken_ground.work(after_s=60)
    assert states_of(rows) == {"starting"}
    assert broken_ground.deletes() == []


def states_of(rows):
    return set(Pod.objects.filter(pk__in=[row.pk for row in rows]).values_list("state", flat=True))


def test_a_server_with_faults_of_its_own_for_ten_minutes_costs_nobody_a_pod(broken_ground, proxy):
    rows = [a_pod(broken_ground.pool, now=broken_ground.now()) for _ in range(2)]
    broken_ground.work()
    proxy.rules.append(Rule("", "", Break.STATUS, status=500))
    late = a_pod(broken_ground.pool, now=broken_ground.now())
    for _ in range(10):
        broken_ground.work(after_s=60)
    # A probe a minute is all that it costs, and nothing is concluded from silence.
    assert len([one for one in proxy.seen if one.startswith("DELETE")]) == 0
    assert states_of(rows) == {"starting"}
    assert states_of([late]) == {"creating"}
    proxy.rules.clear()
    broken_ground.ahead += timedelta(seconds=60)
    broken_ground.until(late, "starting")
    assert len(broken_ground.namespace.pods()) == 3


def test_another_cluster_behind_the_name_is_alarmed_and_told_nothing(broken_ground, proxy):
    rows = [a_pod(broken_ground.pool, now=broken_ground.now()) for _ in range(2)]
    broken_ground.work()
    other = {"metadata": {"name": "kube-system", "uid": "11111111-2222-3333-4444-555555555555"}}
    proxy.rules.append(Rule("GET", "kube-system", Break.STATUS, status=200, body=other))
    late = a_pod(broken_ground.pool, now=broken_ground.now())
    for _ in range(3):
        broken_ground.work(after_s=60)
    reach = Reach.objects.get(pk=broken_ground.pool.k8s_config_id)
    assert reach.alarm.startswith("other_cluster")
    assert (states_of(rows), states_of([late])) == ({"starting"}, {"creating"})
    assert len(broken_ground.namespace.pods()) == 2


@pytest.mark.django_db(transaction=True)
def test_a_dead_cluster_and_a_half_open_watch_hold_nobody_up(namespace, proxy):
    """Two configs, real threads: one lies behind a black hole, the other's watch stalls."""
    told = namespace.access()
    well, dead = a_pool_in(namespace), a_pool_in(namespace)
    with reached(told, server=proxy.server) as slow, reached(told) as quick:
        played = Played({well.k8s_config_id: quick, dead.k8s_config_id: slow})
        proxy.rules.append(Rule("", "", Break.BLACKHOLE))
        tower = Watchtower(played.means(clock.now))
        tower.man(frozenset({well.k8s_config_id, dead.k8s_config_id}))
        try:
            pod = a_pod(well, now=clock.now())
            tower.wake([well.k8s_config_id, dead.k8s_config_id])
            wait_until(lambda: Pod.objects.get(pk=pod.pk).state == "starting", timeout_s=20)
            wait_until(lambda: Reach.objects.get(pk=dead.k8s_config_id).failures >= 1)
        finally:
            tower.leave()
            proxy.cut_all()
            _joined()


def test_a_watch_that_is_half_open_leaves_lists_alone(broken_ground, proxy):
    proxy.rules.append(Rule("GET", "watch=1", Break.STALL, cut_after_bytes=0))
    heard: list[str] = []

    def listen() -> None:
        try:
            heard.extend(broken_ground.port.watch_pods("c"))
        except ClusterUnreachable:
            heard.append("cut")

    thread = threading.Thread(target=listen)
    thread.start()
    try:
        pod = a_pod(broken_ground.pool, now=broken_ground.now())
        broken_ground.until(pod, "starting")
        assert heard == []
    finally:
        proxy.cut_all()
        thread.join(timeout=30)
    assert not thread.is_alive()


def _joined() -> None:
    """Wait for the threads of posts: they use the database that the test is about to empty."""
    for thread in threading.enumerate():
        if thread.name.startswith(("watch-", "keep-")):
            thread.join(timeout=40)


def test_pods_are_found_again_with_an_empty_memory(ground: Field):
    pod = a_pod(ground.pool, now=ground.now())
    ground.work()
    Pod.objects.filter(pk=pod.pk).update(state="creating", node="")
    with reached(ground.namespace.access()) as fresh:
        ground.port = fresh
        ground.until(pod, "starting")
    assert len(ground.namespace.pods()) == 1
