"""A pool's PodDisruptionBudget is there from its first shield on until the pool is over."""

import pytest

from pools.core.pods import ActionKind
from pools.core.ports import ClusterRefused
from pools.models import Pool
from pools.services import pods, reach
from tests.builders import a_pod_pool, a_ready_pod
from tests.clusters import a_played_cluster, state
from tests.services.test_acting import drained, in_cluster

pytestmark = pytest.mark.django_db


def test_shields_of_many_pods_ask_for_the_budget_of_their_pool_once(now):
    pool = a_pod_pool()
    shielded = [a_ready_pod(pool) for _ in range(20)]
    fake, played = a_played_cluster(pool)
    for pod in shielded:
        in_cluster(fake, pod)
    pods.ask([pod.pk for pod in shielded], ActionKind.SHIELD, now=now)
    played.work(pool)
    assert (fake.calls.count("ensure_budget"), fake.calls.count("patch_pod")) == (1, 20)


def test_the_budget_of_an_archived_pool_goes_with_its_last_pod(now):
    pool = a_pod_pool()
    pod = a_ready_pod(pool)
    fake, played = a_played_cluster(pool, grace=True)
    in_cluster(fake, pod)
    pods.ask([pod.pk], ActionKind.SHIELD, now=now)
    played.work(pool)
    Pool.objects.filter(pk=pool.pk).update(archived_at=now)
    drained(pod, now)
    played.work(pool, after_s=5)
    assert (state(pod), len(fake.budgets)) == ("deleting", 1)
    fake.settle()
    played.work(pool, after_s=5)
    assert (state(pod), fake.budgets) == ("gone", {})
    played.work(pool, after_s=30)
    assert fake.calls.count("delete_budget") == 1


def test_a_budget_that_may_not_be_deleted_is_tried_again_and_holds_up_nothing(now):
    pool = a_pod_pool(archived_at=now)
    fake, played = a_played_cluster(pool)
    reach.expect_budgets(pool.k8s_config_id, [pool.pk])

    class Refusing(type(fake)):
        refuses = True

        def delete_budget(self, name):
            super().delete_budget(name)
            if self.refuses:
                raise ClusterRefused("not you", http_status=403)

    guarded = Refusing(namespace="k8s4r")
    played.ports[pool.k8s_config_id] = guarded
    assert played.work(pool)
    guarded.refuses = False
    assert played.work(pool, after_s=30)
    assert played.work(pool, after_s=30)
    assert guarded.calls.count("delete_budget") == 2
