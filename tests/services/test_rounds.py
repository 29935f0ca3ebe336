"""Rounds are asked for where something is due, and whoever comes second leaves it alone."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from executors import tasks
from executors.clusters import rounds
from pools.models import Pod, Reach
from tests.builders import NOON, a_pod, a_pod_pool, a_ready_pod, seconds
from tests.clusters import a_played_cluster, state

pytestmark = pytest.mark.django_db


def test_a_cluster_that_was_just_seen_and_has_nothing_to_do_is_left_alone(now):
    pool = a_pod_pool()
    _, played = a_played_cluster(pool)
    config_id = pool.k8s_config_id
    assert rounds.due(now) == [config_id], "nobody has ever looked"
    played.work(pool)
    assert rounds.due(now) == []
    assert rounds.due(now + seconds(29)) == []
    assert rounds.due(now + seconds(30)) == [config_id]


def test_what_is_to_be_done_makes_a_round_due_and_pods_that_come_one_every_few_seconds(now):
    pool = a_pod_pool()
    _, played = a_played_cluster(pool)
    played.work(pool)
    pod = a_pod(pool)
    assert rounds.due(now) == [pool.k8s_config_id]
    played.work(pool, look=False)
    assert state(pod) == "starting"
    assert (rounds.due(now + seconds(4)), len(rounds.due(now + seconds(5)))) == ([], 1)


@pytest.mark.parametrize(
    ("what", "lists"),
    [
        ({"state": "starting"}, 12),
        ({"state": "unknown"}, 12),
        ({"state": "deleting"}, 2),
        ({"state": "unknown", "changed_at": NOON - seconds(301)}, 2),
        ({"state": "ready"}, 2),
    ],
)
def test_a_minute_of_a_pod_costs_so_many_lists(now, what, lists):
    """Seconds pass one by one; only what beat would send is done, and no watch says a word."""
    pool = a_pod_pool()
    _, played = a_played_cluster(pool)
    played.work(pool)
    pod = a_ready_pod(pool)
    Pod.objects.filter(pk=pod.pk).update(**what)
    looked_at = []
    for second in range(1, 61):
        if rounds.due(now + seconds(second)):
            looked_at.append(second)
            Reach.objects.update(observed_at=now + seconds(second))
    assert len(looked_at) == lists, looked_at


def test_what_is_due_costs_as_many_statements_for_many_clusters_as_for_one(now):
    def statements() -> int:
        with CaptureQueriesContext(connection) as asked:
            assert len(rounds.due(now)) == Reach.objects.count()
        return len(asked)

    a_pod(a_pod_pool())
    few = statements()
    for _ in range(5):
        a_pod(a_pod_pool())
    assert statements() == few


def test_a_cluster_that_somebody_has_or_that_is_away_is_not_asked_for(now):
    pool = a_pod_pool()
    row = Reach.objects.filter(pk=pool.k8s_config_id)
    row.update(leased_until=now + seconds(10))
    assert rounds.due(now) == []
    row.update(leased_until=None, retry_at=now + seconds(10))
    assert rounds.due(now) == []
    assert rounds.due(now + seconds(10)) == [pool.k8s_config_id]


def test_the_health_of_a_cluster_that_is_away_is_looked_at_all_the_same(now):
    pool = a_pod_pool()
    fake, played = a_played_cluster(pool, is_away=True)
    assert not played.work(pool)
    row = Reach.objects.get(pk=pool.k8s_config_id)
    assert (row.healthy, row.checked_at) == (False, played.at)
    Reach.objects.filter(pk=row.pk).update(retry_at=now + seconds(1000))
    fake.calls.clear()
    played.work(pool, after_s=599)
    assert fake.calls == []
    played.work(pool, after_s=1)
    assert fake.calls == ["cluster_uid"], "though nobody may work on it now"


def test_only_what_nobody_did_for_two_periods_is_overdue(now):
    pool = a_pod_pool()
    _, played = a_played_cluster(pool)
    played.work(pool)
    a_pod(pool, now=now)
    config_id = pool.k8s_config_id
    assert not rounds.is_overdue(config_id, now=now + seconds(9))
    assert rounds.is_overdue(config_id, now=now + seconds(10))


def test_beat_sends_one_message_for_each_cluster_that_is_due(monkeypatch):
    pools = [a_pod_pool(), a_pod_pool()]
    sent = []
    monkeypatch.setattr(
        tasks.reconcile_cluster, "apply_async", lambda args, **options: sent.append((args, options))
    )
    tasks.reconcile_clusters()
    wanted = sorted(str(pool.k8s_config_id) for pool in pools)
    assert sorted(args[0] for args, _ in sent) == wanted
    assert {options["expires"] for _, options in sent} == {5.0}
