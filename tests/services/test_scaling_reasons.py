"""What pods of a pool mean for those around it: reasons to wait, people, other pools."""

import pytest

from agents.models import Agent, Slot
from executors import reasons
from executors.core.lifecycle import AttemptState
from executors.models import Task
from executors.services import capacity, dispatch, scaling
from pools.models import Pod, Pool
from tests.builders import (
    NOON,
    a_pod,
    a_pod_pool,
    a_pool,
    a_ready_pod,
    a_requirement,
    a_task,
    a_tasks,
    an_attempt,
    seconds,
)

pytestmark = pytest.mark.django_db
SOON = NOON + seconds(1)


def look(pool, now=NOON):
    return scaling.look(pool.pk, now=now, aging_weight_s=60)


def run_pass(pool, now=NOON):
    return dispatch.run_pass(pool.pk, now=now, aging_weight_s=60)


def states(pool):
    return sorted(Pod.objects.filter(pool=pool).values_list("state", flat=True))


def code_of(task):
    return Task.objects.select_related("requirement").get(pk=task.pk).requirement.waiting_code


def why(task):
    return reasons.why(task.pk, now=NOON)


def commands(waiting):
    return [one.command for one in waiting.advice]


def test_a_task_says_how_many_pods_are_coming_and_since_when():
    pool = a_pod_pool()
    task = a_task(pool)
    look(pool)
    found = why(task)
    assert found.explanation.code == "scaling_out"
    assert "1 creating, the first since 2026-11-21T12:00:00Z" in found.explanation.sentence
    (gate,) = [one for one in found.gates if one.name == "pods"]
    assert (gate.passed, gate.found) == (True, "0 ready of 1, at most 10; on their way: 1 creating")
    assert commands(found) == [f"k8s4r describe pool {pool.pk}"]


def test_a_task_says_what_keeps_pods_from_starting_and_what_to_do():
    pool = a_pod_pool()
    task = a_task(pool)
    a_pod(pool, state="starting", failure="unschedulable", message="0/3 nodes are available")
    found = why(task)
    assert found.explanation.code == "pod_failing"
    assert "unschedulable: 0/3 nodes are available" in found.explanation.sentence
    advice = "No node has room or fits: add nodes, or ask for less in the pod template."
    assert found.advice[0].text == advice


def test_a_task_behind_a_reserved_slot_says_whose_decision_frees_it():
    pool = a_pod_pool(max_pods=1)
    pod = a_ready_pod(pool)
    planned = a_task(pool, kind="plan_and_apply")
    an_attempt(planned, pod.agent, state=AttemptState.HELD)
    found = why(a_task(pool))
    assert found.explanation.code == "lane_reserved"
    assert "of alice" in found.advice[0].text
    assert commands(found)[0] == f"k8s4r describe task {planned.pk}"
    raised = f"k8s4r api PATCH agent-pools/{pool.pk}"
    assert commands(found)[1] == raised + """ -d '{"max_pods": 2}'"""


def test_a_full_pool_at_its_most_says_the_numbers_and_how_to_raise_them():
    pool = a_pod_pool(max_pods=1)
    pod = a_ready_pod(pool)
    an_attempt(a_task(pool), pod.agent, state=AttemptState.RUNNING)
    found = why(a_task(pool))
    assert found.explanation.code == "lane_full"
    assert found.explanation.sentence.endswith("The pool has 1 pods of at most 1.")
    assert "max_pods" in commands(found)[1]


def test_tasks_say_that_pods_are_coming_or_that_there_may_be_no_more():
    pool = a_pod_pool(max_pods=1)
    task = a_task(pool)
    left = run_pass(pool)
    assert (left.wants_pods, left.is_new, code_of(task)) == (True, True, "no_agents")
    assert scaling.after(left, pool.pk, now=NOON, aging_weight_s=60).make == 1
    again = run_pass(pool)
    assert code_of(task) == "scaling_out"
    assert scaling.after(again, pool.pk, now=NOON, aging_weight_s=60).make == 0
    same = run_pass(pool)
    assert scaling.after(same, pool.pk, now=NOON, aging_weight_s=60) is None
    Pod.objects.update(state="deleting")
    run_pass(pool)
    assert code_of(task) == "slots_full"


def test_an_archived_pool_lets_its_idle_pods_go_at_once():
    pool = a_pod_pool(min_pods=2)
    for _ in range(2):
        a_ready_pod(pool, idle_since=NOON)
    Pool.objects.filter(pk=pool.pk).update(archived_at=NOON)
    assert pool.pk in scaling.pools_with_pods()
    look(pool, SOON)
    assert states(pool) == ["deleting", "deleting"]
    Pod.objects.update(state="gone", gone_at=SOON)
    assert pool.pk not in scaling.pools_with_pods()


def test_a_pod_whose_agent_a_person_drains_goes_when_it_is_idle_and_is_replaced():
    pool = a_pod_pool(min_pods=1)
    pod = a_ready_pod(pool)
    Agent.objects.filter(pk=pod.agent_id).update(desired="draining")
    found = look(pool)
    assert (found.make, found.drain) == (1, (pod.agent_id,))


def test_an_agent_in_a_pod_wakes_its_own_pool_alone(django_capture_on_commit_callbacks):
    pool, others = a_pod_pool(), a_pool()
    pod = a_pod(pool)
    a_task(others)
    with django_capture_on_commit_callbacks() as told:
        capacity.freed({pod.agent_id})
    assert told == []
    a_task(pool)
    with django_capture_on_commit_callbacks() as told:
        capacity.freed({pod.agent_id})
    assert [callback.args[0].pools for callback in told] == [frozenset({pool.pk})]


def test_looking_costs_the_same_number_of_statements_whatever_the_size(
    django_assert_max_num_queries,
):
    pool = a_pod_pool(max_pods=40)
    for _ in range(12):
        pod = a_ready_pod(pool, idle_since=NOON)
        an_attempt(a_task(pool), pod.agent, state=AttemptState.RUNNING)
    a_tasks(pool, 80, kind="plan", requirement=a_requirement(pool, kind="plan"))
    assert Slot.objects.count() == 36
    with django_assert_max_num_queries(30):
        look(pool)
