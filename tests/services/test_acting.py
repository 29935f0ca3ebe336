"""What rows ask for is done in the cluster once, whatever gets lost on the way."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents.core.states import Desired
from agents.models import Agent
from pools.core.pods import ActionKind, PodEvent
from pools.core.ports import (
    BUSY_LABEL,
    CONFIG_LABEL,
    POD_LABEL,
    SAFE_TO_EVICT,
    ClusterUnreachable,
)
from pools.models import Pod, PodAction, Reach
from pools.services import acting, pods
from pools.services.pods import NewPod
from tests.builders import a_pod, a_pod_pool, a_ready_pod, seconds
from tests.clusters import PLATFORM, a_played_cluster, state

pytestmark = pytest.mark.django_db


def open_actions(pod: Pod) -> list[str]:
    rows = PodAction.objects.filter(pod=pod, state="pending").order_by("pk")
    return list(rows.values_list("kind", flat=True))


def drained(pod: Pod, now) -> None:
    """Do what scaling in does under the agent's lock."""
    Agent.objects.filter(pk=pod.agent_id).update(desired=Desired.DRAINING)
    pods.move([pod.pk], PodEvent.DRAIN, now=now)
    pods.move([pod.pk], PodEvent.DELETE, now=now)
    pods.ask([pod.pk], ActionKind.DELETE, now=now)


def in_cluster(fake, pod: Pod) -> None:
    """Let the cluster have the pod that a row says is there."""
    fake.create_pod({"metadata": {"name": pod.name, "labels": {
        CONFIG_LABEL: str(pod.config_id), POD_LABEL: str(pod.pk)}}})  # fmt: skip
    fake.tell(pod.name, uid=pod.uid, phase="Running", ready=True)


def test_a_pod_that_is_asked_for_is_made_with_our_labels_and_its_uid_is_known():
    pool = a_pod_pool()
    pod = a_pod(pool)
    fake, played = a_played_cluster(pool)
    assert played.work(pool)
    made = fake.pods[pod.name]
    assert made.labels[POD_LABEL] == str(pod.pk)
    pod.refresh_from_db()
    assert (pod.state, pod.uid, bool(pod.template_hash)) == ("starting", made.uid, True)
    assert open_actions(pod) == []


def test_a_create_whose_answer_was_lost_finds_the_pod_that_it_made():
    pool = a_pod_pool()
    pod = a_pod(pool)
    fake, played = a_played_cluster(pool)
    jobs = acting.take(pool.k8s_config_id, PLATFORM, now=played.at)
    fake.create_pod(jobs[0].manifest)
    assert acting.run(pool.k8s_config_id, fake, PLATFORM, clock=lambda: played.at) == 0
    later = played.at + acting.LEASE
    assert acting.run(pool.k8s_config_id, fake, PLATFORM, clock=lambda: later) == 1
    assert (state(pod), len(fake.pods)) == ("starting", 1)


def test_the_pod_of_somebody_else_with_our_name_is_left_alone():
    pool = a_pod_pool()
    pod = a_pod(pool)
    fake, played = a_played_cluster(pool)
    fake.create_pod({"metadata": {"name": pod.name, "labels": {}}})
    foreign = fake.pods[pod.name]
    played.work(pool)
    assert (state(pod), fake.pods[pod.name]) == ("creating", foreign)
    assert "exists" in PodAction.objects.get(pod=pod).error


def test_a_quota_is_said_on_the_pod_and_asked_again_later():
    pool = a_pod_pool()
    pod = a_pod(pool)
    fake, played = a_played_cluster(pool, most_pods=0)
    played.work(pool)
    pod.refresh_from_db()
    assert (pod.state, pod.failure) == ("creating", "quota")
    calls = fake.calls.count("create_pod")
    played.work(pool, after_s=1)
    assert fake.calls.count("create_pod") == calls
    fake.most_pods = None
    played.work(pool, after_s=10)
    pod.refresh_from_db()
    assert (pod.state, pod.failure, pod.message) == ("starting", "", "")


def test_a_cluster_that_is_away_costs_one_call_and_then_one_probe_a_minute():
    pool = a_pod_pool()
    for _ in range(20):
        a_pod(pool)
    fake, played = a_played_cluster(pool, is_away=True)
    for _ in range(3):
        assert not played.work(pool, after_s=2)
    row = Reach.objects.get(pk=pool.k8s_config_id)
    assert (row.failures, row.leased_until) == (3, None)
    calls = len(fake.calls)
    assert not played.work(pool, after_s=30)
    assert len(fake.calls) == calls
    assert not played.work(pool, after_s=31)
    assert fake.calls[calls:] == ["cluster_uid"]
    fake.is_away = False
    assert played.work(pool, after_s=60)
    assert Reach.objects.get(pk=pool.k8s_config_id).failures == 0
    assert set(Pod.objects.values_list("state", flat=True)) == {"starting"}


def test_an_answer_that_did_not_come_leaves_what_came_before_it_written():
    pool = a_pod_pool()
    first, second = a_pod(pool), a_pod(pool)
    fake, played = a_played_cluster(pool)

    class Tired(type(fake)):
        def create_pod(self, manifest, *, dry_run=False):
            if manifest["metadata"]["name"] == second.name:
                raise ClusterUnreachable("no answer", retry_after_s=7)
            return super().create_pod(manifest, dry_run=dry_run)

    played.ports[pool.k8s_config_id] = Tired(namespace="k8s4r")
    assert not played.work(pool)
    assert (state(first), state(second)) == ("starting", "creating")
    row = Reach.objects.get(pk=pool.k8s_config_id)
    assert row.retry_at == played.at + seconds(7)


def test_a_drained_pod_is_deleted_with_its_uid_and_gone_when_nobody_has_it(now):
    pool = a_pod_pool()
    pod = a_ready_pod(pool)
    fake, played = a_played_cluster(pool, grace=True)
    in_cluster(fake, pod)
    drained(pod, now)
    played.work(pool)
    assert (state(pod), fake.pods[pod.name].deleting) == ("deleting", True)
    fake.settle()
    played.work(pool, after_s=5)
    assert state(pod) == "gone"


def test_no_delete_is_taken_of_a_pod_that_nobody_drained(now):
    pool = a_pod_pool()
    pod = a_ready_pod(pool)
    fake, played = a_played_cluster(pool)
    in_cluster(fake, pod)
    pods.ask([pod.pk], ActionKind.DELETE, now=now)
    played.work(pool)
    pods.move([pod.pk], PodEvent.DRAIN, now=now)
    pods.move([pod.pk], PodEvent.DELETE, now=now)
    played.work(pool, after_s=5)
    assert "delete_pod" not in fake.calls
    assert pod.name in fake.pods


def test_a_pod_that_was_never_made_is_gone_without_a_delete(now):
    pool = a_pod_pool()
    pod = a_pod(pool)
    fake, played = a_played_cluster(pool)
    drained(pod, now)
    played.work(pool)
    assert (state(pod), open_actions(pod)) == ("gone", [])
    assert not {"create_pod", "delete_pod"} & set(fake.calls)


def test_a_pod_made_by_a_lost_create_and_drained_meanwhile_is_deleted(now):
    pool = a_pod_pool()
    pod = a_pod(pool)
    fake, played = a_played_cluster(pool)
    (job,) = acting.take(pool.k8s_config_id, PLATFORM, now=now)
    drained(pod, now)
    fake.create_pod(job.manifest)
    played.work(pool, look=False)
    assert pod.name in fake.pods, "while the create may still be under way nothing is deleted"
    played.work(pool, after_s=121, look=False)
    assert fake.pods == {}


def test_a_failed_pod_goes_after_its_work_was_settled_and_leaves_its_log():
    pool = a_pod_pool(keep_failed_s=60)
    pod = a_ready_pod(pool)
    fake, played = a_played_cluster(pool)
    in_cluster(fake, pod)
    fake.logs[pod.name] = "x" * 100_000 + "the end"
    fake.tell(pod.name, phase="Failed", ready=False, reason="Evicted", message="node is full")
    played.work(pool)
    pod.refresh_from_db()
    assert (pod.state, pod.failure, pod.message) == ("failed", "evicted", "node is full")
    assert Agent.objects.get(pk=pod.agent_id).archived_at is not None
    assert pod.name in fake.pods, "kept for a minute"
    played.work(pool, after_s=61)
    pod.refresh_from_db()
    assert (fake.pods, len(pod.log), pod.log[-7:]) == ({}, 65536, "the end")
    played.work(pool, after_s=5)
    assert state(pod) == "gone"


def test_a_failed_pod_stays_while_its_work_is_not_settled(now):
    pool = a_pod_pool()
    pod = a_ready_pod(pool)
    fake, _ = a_played_cluster(pool)
    in_cluster(fake, pod)
    Agent.objects.filter(pk=pod.agent_id).update(desired=Desired.DRAINING)
    pods.move([pod.pk], PodEvent.FAILED, now=now, failure="evicted")
    pods.ask([pod.pk], ActionKind.DELETE, now=now)
    assert acting.run(pool.k8s_config_id, fake, PLATFORM, clock=lambda: now) == 0
    assert (state(pod), pod.name in fake.pods) == ("failed", True)
    Agent.objects.filter(pk=pod.agent_id).update(archived_at=now)
    assert acting.run(pool.k8s_config_id, fake, PLATFORM, clock=lambda: now) == 1
    assert (state(pod), fake.pods) == ("deleting", {})


def test_a_shield_is_one_patch_and_the_budget_of_its_pool(now):
    pool = a_pod_pool()
    pod = a_ready_pod(pool)
    fake, played = a_played_cluster(pool)
    in_cluster(fake, pod)
    pods.ask([pod.pk], ActionKind.SHIELD, now=now)
    played.work(pool)
    seen = fake.pods[pod.name]
    assert (seen.labels[BUSY_LABEL], seen.annotations[SAFE_TO_EVICT]) == ("true", "false")
    (budget,) = fake.budgets.values()
    assert budget["spec"]["selector"]["matchLabels"][BUSY_LABEL] == "true"
    assert Pod.objects.get(pk=pod.pk).shielded
    pods.ask([pod.pk], ActionKind.UNSHIELD, now=now)
    played.work(pool, after_s=1)
    assert BUSY_LABEL not in fake.pods[pod.name].labels
    assert not Pod.objects.get(pk=pod.pk).shielded


def test_a_batch_of_creates_costs_few_statements_whatever_its_size(now):
    pool = a_pod_pool()
    fake, _ = a_played_cluster(pool)

    def statements(count: int) -> int:
        pods.make(pool, [NewPod() for _ in range(count)], now=now)
        with CaptureQueriesContext(connection) as asked:
            assert acting.run(pool.k8s_config_id, fake, PLATFORM, clock=lambda: now) == count
        return len(asked)

    assert statements(60) == statements(1)


def test_a_shield_that_somebody_took_away_is_seen_to_be_gone(now):
    pool = a_pod_pool()
    pod = a_ready_pod(pool, shielded=True)
    fake, played = a_played_cluster(pool)
    in_cluster(fake, pod)
    played.work(pool)
    assert not Pod.objects.get(pk=pod.pk).shielded


def test_work_goes_on_where_a_process_died_between_the_claim_and_the_call(now):
    pool = a_pod_pool()
    pod = a_pod(pool)
    fake, played = a_played_cluster(pool)
    acting.take(pool.k8s_config_id, PLATFORM, now=now)
    played.work(pool, after_s=30)
    assert (state(pod), fake.calls.count("create_pod")) == ("creating", 0), "somebody may be at it"
    played.work(pool, after_s=timedelta(minutes=3).total_seconds())
    assert (state(pod), open_actions(pod)) == ("starting", [])
    assert fake.calls.count("create_pod") == 1


def test_work_goes_on_where_a_process_died_between_the_call_and_its_row(now):
    pool = a_pod_pool()
    pod = a_pod(pool)
    fake, played = a_played_cluster(pool)
    (job,) = acting.take(pool.k8s_config_id, PLATFORM, now=now)
    fake.create_pod(job.manifest)
    played.work(pool, after_s=30)
    assert (state(pod), open_actions(pod)) == ("starting", []), "the list finds it"
    assert played.work(pool, after_s=timedelta(minutes=3).total_seconds())
    assert fake.calls.count("create_pod") == 1
