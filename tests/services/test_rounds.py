"""Rounds are asked for where something is due, and whoever comes second leaves it alone."""

import pytest

from executors import tasks
from executors.clusters import rounds
from pools.models import Reach
from tests.builders import a_pod, a_pod_pool, seconds
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
