"""A pod's row comes with its agent, its slots and what it asks for, and follows the law."""

from importlib import import_module

import pytest
from django.db import IntegrityError, transaction

from agents.models import Agent, Slot
from k8s4r import database
from pools.core.pods import ActionKind, PodEvent, PodMode
from pools.models import Pod, PodAction
from pools.services import pods
from tests.builders import NOON, a_pod, a_pod_pool, a_ready_pod, a_task, an_agent

pytestmark = pytest.mark.django_db


def test_a_pod_comes_with_three_slots_of_which_one_may_apply(now):
    pod = a_pod(a_pod_pool())
    lanes = Slot.objects.filter(agent=pod.agent).values_list("index", "lane")
    assert list(lanes) == [(0, "main"), (1, "plan"), (2, "plan")]
    assert (pod.agent.type, pod.agent.observed, pod.agent.name) == ("k8s", "offline", pod.name)


def test_an_agent_without_a_pod_was_never_one_of_a_pod():
    in_pod = a_pod(a_pod_pool()).agent
    former, loose = an_agent(type="k8s", archived_at=NOON), an_agent(type="k8s")
    database.run(import_module("agents.migrations.0012_k8s_means_a_pod").REMOTE)
    types = dict(Agent.objects.values_list("pk", "type"))
    assert types == {in_pod.pk: "k8s", former.pk: "k8s", loose.pk: "remote"}


def test_a_pod_for_a_task_has_one_slot_and_one_pod_at_a_time():
    pool = a_pod_pool(PodMode.TASK)
    task = a_task(pool)
    pod = a_pod(pool, task=task)
    assert list(Slot.objects.filter(agent=pod.agent).values_list("lane", flat=True)) == ["general"]
    with pytest.raises(IntegrityError), transaction.atomic():
        a_pod(pool, task=task)


def test_no_pod_has_a_fourth_slot():
    pod = a_pod(a_pod_pool())
    with pytest.raises(IntegrityError), transaction.atomic():
        Slot.objects.create(agent=pod.agent, index=3, lane="plan")


def test_what_is_asked_for_twice_is_done_once(now):
    pod = a_ready_pod(a_pod_pool())
    for _ in range(2):
        pods.ask([pod.pk], ActionKind.SHIELD, now=now)
    asked = PodAction.objects.filter(pod=pod, kind=ActionKind.SHIELD)
    assert asked.count() == 1
    pods.ask([pod.pk], ActionKind.UNSHIELD, now=now)
    assert list(asked.values_list("state", flat=True)) == ["done"]


def test_a_move_that_the_law_does_not_know_changes_nothing(now):
    pod = a_ready_pod(a_pod_pool())
    assert pods.move([pod.pk], PodEvent.DELETE, now=now) == frozenset()
    assert pods.move([pod.pk], PodEvent.DRAIN, now=now) == {pod.pk}
    assert pods.move([pod.pk], PodEvent.DELETE, now=now) == {pod.pk}


def test_what_is_gone_stays_gone_whoever_writes(now):
    pod = a_ready_pod(a_pod_pool())
    pods.move([pod.pk], PodEvent.GONE, now=now)
    pod.refresh_from_db()
    assert (pod.state, pod.gone_at) == ("gone", now)
    assert not PodAction.objects.filter(pod=pod, state="pending").exists()
    with pytest.raises(IntegrityError), transaction.atomic():
        Pod.objects.filter(pk=pod.pk).update(state="ready")
