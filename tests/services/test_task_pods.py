"""A pool whose pods are for one task each: made for it, given to it alone, deleted after it."""

import pytest

from executors import reasons
from executors.core.lifecycle import AttemptState
from executors.models import Attempt, Task
from executors.services import cancellation, dispatch, scaling
from k8s4r.audit.attribution import SYSTEM
from pools.core.pods import ActionKind, PodEvent, PodMode
from pools.models import Pod, PodAction
from pools.services import pods
from tests.builders import NOON, a_pod_pool, a_ready_pod, a_task, a_tasks, seconds, state_of

pytestmark = pytest.mark.django_db
SOON = NOON + seconds(5)


def look(pool, now=NOON):
    return scaling.look(pool.pk, now=now, aging_weight_s=60)


def run_pass(pool, now=NOON):
    return dispatch.run_pass(pool.pk, now=now, aging_weight_s=60)


def a_task_pool(**fields):
    return a_pod_pool(PodMode.TASK, **fields)


def made_for(task):
    return list(Pod.objects.filter(task_id=task.pk).order_by("created_at", "pk"))


def pod_with_agent(pool, task):
    """Return the pod of a task with its agent online, as if it had been made and come up."""
    return a_ready_pod(pool, task=task)


def failed(pod, now, code="image_pull"):
    pods.move([pod.pk], PodEvent.FAILED, now=now, failure=code, message="no such image")


def test_each_waiting_task_gets_one_pod_of_its_own_as_far_as_the_pool_may():
    pool = a_task_pool(max_pods=3, warm_spares=2, min_pods=1)
    tasks = a_tasks(pool, 5)

    first = look(pool)

    assert (first.desired, first.make, first.code) == (3, 3, "scale_out")
    assert [len(made_for(task)) for task in tasks] == [1, 1, 1, 0, 0]
    assert made_for(tasks[0])[0].name == f"task-{tasks[0].pk}"
    assert look(pool, SOON).code == "at_most"
    run_pass(pool)
    assert reasons.why(tasks[0].pk, now=NOON).explanation.code == "scaling_out"


def test_a_pod_takes_its_own_task_alone_whoever_is_first_in_line():
    pool = a_task_pool()
    older, mine = a_tasks(pool, 2)
    pod = pod_with_agent(pool, mine)

    assert run_pass(pool).placed == 1

    assert Attempt.objects.get().task == mine
    assert Attempt.objects.get().agent == pod.agent
    assert state_of(older) == "pending"
    assert run_pass(pool).placed == 0


@pytest.mark.parametrize(
    ("ended", "wait_s"), [(AttemptState.SUCCEEDED, 0), (AttemptState.FAILED, 600)]
)
def test_a_pod_goes_with_its_work_at_once_or_after_the_time_that_failed_ones_are_kept(
    ended, wait_s
):
    pool = a_task_pool(keep_failed_s=600)
    task = a_task(pool)
    pod = pod_with_agent(pool, task)
    run_pass(pool)
    assert look(pool).drain == ()
    Attempt.objects.update(state=ended, ended_at=SOON)
    Task.objects.update(state="completed" if not wait_s else "failed", ended_at=SOON)

    assert look(pool, SOON).code == "task_over"

    delete = PodAction.objects.get(pod=pod, kind=ActionKind.DELETE)
    assert delete.not_before == SOON + seconds(wait_s)
    assert state_of(pod) == "deleting"


def test_work_that_is_tried_again_gets_a_pod_of_its_own_again():
    pool = a_task_pool()
    task = a_task(pool)
    first = pod_with_agent(pool, task)
    run_pass(pool)
    Attempt.objects.update(state=AttemptState.FAILED, ended_at=SOON)
    Task.objects.update(state="pending")

    assert run_pass(pool, SOON).placed == 0
    look(pool, SOON)
    look(pool, SOON)

    assert [pod.name for pod in made_for(task)] == [first.name, f"task-{task.pk}-2"]
    assert state_of(first) == "deleting"


def test_a_cancel_while_its_pod_is_pending_takes_the_pod_away():
    pool = a_task_pool()
    task = a_task(pool)
    look(pool)
    cancellation.cancel([task.pk], actor=SYSTEM, now=SOON)
    look(pool, SOON)
    (pod,) = made_for(task)
    assert pod.state == "deleting"
    assert PodAction.objects.filter(pod=pod, kind=ActionKind.DELETE).exists()


def test_a_task_whose_pods_fail_is_tried_five_times_with_growing_delays_and_then_fails():
    pool = a_task_pool(keep_failed_s=3_600)
    task = a_task(pool)
    made_at, now = [], NOON
    while len(made_at) < 5:
        if look(pool, now).make:
            made_at.append((now - NOON).total_seconds())
            failed(made_for(task)[-1], now)
        now += seconds(20)
        assert now < NOON + seconds(3_600), made_at
    assert made_at == [0, 20, 80, 200, 440]
    run_pass(pool, now)
    assert reasons.why(task.pk, now=now).explanation.code == "pod_failing"

    look(pool, now)

    task.refresh_from_db()
    assert (task.state, task.reason) == ("failed", "image_pull")
    assert "5 pods for it failed before it began; the last said: no such image" in task.message
