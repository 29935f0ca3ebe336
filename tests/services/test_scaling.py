"""A pool of pods grows with its queue, shrinks when it rests, and says what it decided."""

from datetime import timedelta

import pytest

from agents.models import Agent
from executors.core.lifecycle import AttemptState
from executors.models import Attempt, Task
from executors.services import dispatch, draining, scaling
from pools import selectors as pools
from pools.core.pods import ActionKind, PodEvent
from pools.models import Pod, PodAction, Pool, ScalingDecision
from pools.services import pods
from tests.builders import (
    NOON,
    a_pod_pool,
    a_pool,
    a_ready_pod,
    a_requirement,
    a_task,
    a_tasks,
    an_agent,
    an_attempt,
    seconds,
    state_of,
)

pytestmark = pytest.mark.django_db
SOON = NOON + seconds(1)


def look(pool, now=NOON, **rest):
    return scaling.look(pool.pk, now=now, aging_weight_s=60, **rest)


def run_pass(pool, now=NOON):
    return dispatch.run_pass(pool.pk, now=now, aging_weight_s=60)


def plans(pool, count):
    return a_tasks(pool, count, kind="plan", requirement=a_requirement(pool, kind="plan"))


def states(pool):
    return sorted(Pod.objects.filter(pool=pool).values_list("state", flat=True))


def asked(kind):
    open_ = PodAction.objects.filter(kind=kind, state="pending")
    return set(open_.values_list("pod_id", flat=True))


def code_of(task):
    return Task.objects.select_related("requirement").get(pk=task.pk).requirement.waiting_code


def test_a_pool_without_pods_makes_as_many_as_its_queue_needs_and_then_rests():
    pool = a_pod_pool()
    a_tasks(pool, 2)
    plans(pool, 5)

    first = look(pool)

    assert (first.desired, first.make, first.code) == (3, 3, "scale_out")
    made = Pod.objects.filter(pool=pool)
    assert {pod.state for pod in made} == {"creating"}
    assert asked(ActionKind.CREATE) == {pod.pk for pod in made}
    assert look(pool, SOON).make == 0
    assert look(pool, NOON + seconds(6)).code == "steady"
    rows = list(ScalingDecision.objects.filter(pool=pool).order_by("id"))
    assert [(row.made, row.times) for row in rows] == [(3, 1), (0, 2)]
    assert rows[0].demand["main"] == {"busy": 0, "queued": 2, "held": 0}
    assert rows[1].until == NOON + seconds(6)


def test_work_goes_to_the_pods_of_the_pool_and_to_no_other_agent():
    pool, others = a_pod_pool(), a_pool()
    mine = a_ready_pod(pool)
    outsider = an_agent(slots=9)
    work = [*a_tasks(pool, 2), *plans(pool, 4)]
    elsewhere = a_task(others)

    assert run_pass(pool).placed == 3
    assert run_pass(others).placed == 1

    assert set(Attempt.objects.filter(task__in=work).values_list("agent", flat=True)) == {
        mine.agent_id
    }
    assert Attempt.objects.get(task=elsewhere).agent == outsider
    assert set(pools.members(pool)) == {mine.agent}
    assert mine.agent not in pools.members(others)
    lanes = Attempt.objects.filter(agent=mine.agent).values_list("task__kind", "slot__lane")
    assert sorted(lanes) == [("exec", "main"), ("plan", "plan"), ("plan", "plan")]


def test_only_a_new_reason_to_wait_calls_for_pods_at_once_and_not_that_nothing_waits_any_more():
    pool = a_pod_pool()
    a_task(pool)
    assert run_pass(pool).is_new
    assert not run_pass(pool).is_new
    a_ready_pod(pool)
    placed = run_pass(pool)
    assert (placed.placed, placed.is_new) == (1, False)


def test_a_pod_never_holds_more_than_three():
    pool = a_pod_pool()
    for _ in range(3):
        a_ready_pod(pool)
    plans(pool, 30)
    a_tasks(pool, 30)
    for _ in range(3):
        run_pass(pool)
    for agent in Agent.objects.filter(type="k8s"):
        held = Attempt.objects.filter(agent=agent, ended_at=None)
        assert held.count() == 3
        assert held.values("slot").distinct().count() == 3


def test_a_pod_is_shielded_from_its_first_work_to_its_last():
    pool = a_pod_pool()
    pod = a_ready_pod(pool, idle_since=NOON)
    a_task(pool)
    run_pass(pool)
    assert asked(ActionKind.SHIELD) == {pod.pk}
    pod.refresh_from_db()
    assert pod.idle_since is None

    PodAction.objects.filter(kind="shield").update(state="done")
    Pod.objects.filter(pk=pod.pk).update(shielded=True)
    Attempt.objects.update(state=AttemptState.SUCCEEDED, ended_at=SOON)
    look(pool, SOON)
    assert asked(ActionKind.UNSHIELD) == {pod.pk}
    pod.refresh_from_db()
    assert pod.idle_since == SOON


def test_a_shield_that_was_missed_is_made_up_for():
    pool = a_pod_pool()
    pod = a_ready_pod(pool, idle_since=NOON)
    an_attempt(a_task(pool), pod.agent, state=AttemptState.RUNNING)
    look(pool)
    assert asked(ActionKind.SHIELD) == {pod.pk}


def test_idle_pods_go_after_the_cooldown_and_busy_ones_stay():
    pool = a_pod_pool(cooldown_s=60)
    busy, *idle = (a_ready_pod(pool, idle_since=NOON) for _ in range(3))
    an_attempt(a_task(pool), busy.agent, state=AttemptState.RUNNING)

    assert look(pool, NOON + seconds(59)).drain == ()
    assert look(pool, NOON + seconds(60)).code == "scale_in"

    assert states(pool) == ["deleting", "deleting", "ready"]
    assert asked(ActionKind.DELETE) == {pod.pk for pod in idle}
    assert set(Agent.objects.filter(desired="draining")) == {pod.agent for pod in idle}
    assert run_pass(pool).placed == 0


def test_an_agent_whose_pod_goes_is_paused_no_more_and_forgets_until_when_it_was():
    pod = a_ready_pod(a_pod_pool())
    until = NOON + seconds(60)
    Agent.objects.filter(pk=pod.agent_id).update(desired="paused", desired_until=until)
    assert draining.drain_if_idle({pod.agent_id}, now=NOON) == {pod.agent_id}
    agent = Agent.objects.get(pk=pod.agent_id)
    assert (agent.desired, agent.desired_until) == ("draining", None)


def test_a_pod_that_has_work_does_not_go_whatever_was_decided():
    pool = a_pod_pool()
    pod = a_ready_pod(pool)
    an_attempt(a_task(pool), pod.agent, state=AttemptState.ASSIGNED)
    assert draining.drain_if_idle({pod.agent_id}, now=NOON) == frozenset()
    assert states(pool) == ["ready"]
    assert not asked(ActionKind.DELETE)


def test_through_a_day_of_waiting_for_a_person_the_reserved_pod_stays_and_others_go():
    pool = a_pod_pool(cooldown_s=300)
    reserved, *others = (a_ready_pod(pool, idle_since=NOON) for _ in range(3))
    held = an_attempt(a_task(pool, kind="plan_and_apply"), reserved.agent, state="held")

    for hour in range(24):
        look(pool, NOON + timedelta(hours=hour + 1))

    assert set(Pod.objects.filter(state="ready")) == {reserved}
    assert asked(ActionKind.DELETE) == {pod.pk for pod in others}
    assert Attempt.objects.get(pk=held.pk).state == "held"
    assert ScalingDecision.objects.first().demand["main"]["held"] == 1


def test_a_held_pool_makes_no_pods_until_it_is_open_again():
    pool = a_pod_pool(paused=True)
    a_tasks(pool, 3)
    assert look(pool).code == "pool_held"
    assert states(pool) == []
    Pool.objects.filter(pk=pool.pk).update(paused=False)
    assert look(pool, SOON).make == 3


def test_limits_bound_what_pods_are_made_for():
    pool = a_pod_pool(max_concurrent=2)
    a_tasks(pool, 9)
    assert look(pool).make == 2
    assert look(a_pod_pool(max_per_owner=1)).make == 0
    other = a_pod_pool(max_per_owner=1)
    a_tasks(other, 9)
    assert look(other).make == 1


def test_no_pod_is_made_for_what_no_pod_could_take():
    pool = a_pod_pool(required_labels={"zone": "eu"})
    a_tasks(pool, 3, requirement=a_requirement(pool, labels={"gpu": "a100"}))
    assert look(pool).make == 0
    a_task(pool, requirement=a_requirement(pool, labels={"zone": "eu"}))
    assert look(pool, SOON).make == 1
    assert Agent.objects.get(type="k8s").labels == {"zone": "eu"}

    empty = a_ready_pod(other := a_pod_pool())
    a_task(other, requirement=a_requirement(other, driver="terraform"))
    assert look(other).desired == 0
    assert empty.state == "ready"


def test_running_pods_of_an_old_template_go_on_and_idle_ones_are_replaced_one_by_one():
    pool = a_pod_pool(min_pods=3)
    pods_ = [a_ready_pod(pool, template_hash="old", idle_since=NOON) for _ in range(3)]
    an_attempt(a_task(pool), pods_[0].agent, state=AttemptState.RUNNING)

    def edited(now):
        return look(pool, now, fingerprint=lambda _: "new")

    assert edited(NOON).drain == (pods_[1].agent_id,)
    assert states(pool) == ["deleting", "ready", "ready"]
    pods.move([pods_[1].pk], PodEvent.GONE, now=SOON)
    assert edited(SOON).make == 1
    assert edited(NOON + seconds(2)).drain == ()
    Pod.objects.filter(state="creating").update(state="ready", template_hash="new")
    assert edited(NOON + seconds(3)).drain == (pods_[2].agent_id,)
    assert state_of(pods_[0]) == "ready"


def test_failing_pods_count_until_they_are_gone_and_the_next_is_made_after_its_delay():
    pool = a_pod_pool(keep_failed_s=120)
    a_tasks(pool, 2)
    look(pool)
    pods.move(
        list(Pod.objects.values_list("pk", flat=True)),
        PodEvent.FAILED, now=SOON, failure="image_pull", message="no such image",
    )  # fmt: skip

    second = look(pool, SOON)
    assert (second.make, second.counted) == (1, 2)
    run_pass(pool, SOON)
    assert code_of(Task.objects.first()) == "pod_failing"
    newest = Pod.objects.get(state="creating")
    pods.move([newest.pk], PodEvent.FAILED, now=NOON + seconds(5), failure="quota")
    waits = look(pool, NOON + seconds(6))
    assert (waits.make, waits.code) == (0, "pod_failing")
    assert "2 in a row did not start, the last for quota" in waits.reason
    assert look(pool, NOON + seconds(65)).make == 1

    look(pool, SOON + seconds(121))
    assert states(pool) == ["creating", "deleting", "deleting", "failed"]
    newest = Pod.objects.get(state="creating")
    pods.move([newest.pk], PodEvent.CONNECTED, now=NOON + seconds(200))
    assert pools.outlook(pool, now=NOON + seconds(201)).in_a_row == 0
