"""Which slot of which pod a task gets: plans leave what can apply free, fuller pods fill first."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from executors.core.qualification import HeldSlot, InPod
from executors.core.selection import SelectionPolicy, Strategy
from executors.core.waiting import WaitingCode
from pools.core.outlook import Outlook
from tests.builders import NOON
from tests.core.values import (
    REQUIREMENTS,
    a_candidate,
    a_requirement,
    agents_of,
    plan_of,
    queued,
    task_id,
    tasks_of,
)

PACKED = SelectionPolicy(strategy=Strategy.PACKED)
THREE = ("main", "plan", "plan")
C = WaitingCode
REQUIREMENTS["both"] = a_requirement("both", kind="plan_and_apply")


def a_pod(number, free=(0, 1, 2), *, age_s=0, only=None, **fields):
    """Return a pod of three slots of which ``free`` (indexes) are free; a larger age is older."""
    pod = a_candidate(number, lanes=THREE, **fields)
    slots = tuple(pod.free_slots[index] for index in free)
    return replace(pod, free_slots=slots, pod=InPod(NOON - timedelta(seconds=age_s), only))


def slots_of(plan):
    return [(one.slot_id.int >> 16 & 0xFFFF, one.slot_id.int & 0xFFFF) for one in plan.placements]


def test_plans_take_every_plan_slot_of_the_pool_before_any_that_can_apply():
    pods = [a_pod(1, age_s=2), a_pod(2, age_s=1)]
    plan = plan_of([queued(n, needs="plan") for n in range(6)], pods, PACKED)
    assert slots_of(plan) == [(1, 1), (1, 2), (2, 1), (2, 2), (1, 0), (2, 0)]


def test_fuller_pods_fill_first_and_the_older_of_two_equals():
    pods = [a_pod(1, age_s=1), a_pod(2, free=(0, 2)), a_pod(3, age_s=9)]
    plan = plan_of([queued(n, needs="plan") for n in range(4)], pods, PACKED)
    assert slots_of(plan) == [(2, 2), (3, 1), (3, 2), (1, 1)]


def test_what_applies_or_runs_a_command_takes_the_slot_that_can_apply_alone():
    pods = [a_pod(1, age_s=1), a_pod(2)]
    work = [queued(1, needs="both"), queued(2), queued(3)]
    plan = plan_of(work, pods, PACKED)
    assert slots_of(plan) == [(1, 0), (2, 0)]
    assert plan.waiting == {"plain": C.LANE_FULL}


def test_the_requirements_of_a_pass_share_one_view_of_how_full_pods_are():
    pods = [a_pod(1, age_s=9), a_pod(2, age_s=1)]
    work = [queued(1, needs="both"), queued(2, needs="plan"), queued(3), queued(4, needs="plan")]
    plan = plan_of(work, pods, PACKED)
    assert slots_of(plan) == [(1, 0), (1, 1), (2, 0), (1, 2)]


@given(st.lists(st.sampled_from(["plan", "both", "plain"]), max_size=20), st.integers(0, 5))
def test_no_slot_is_given_twice_and_none_is_idle_that_could_take_what_waits(kinds, pods):
    plan = plan_of(
        [queued(n, needs=kind) for n, kind in enumerate(kinds)],
        [a_pod(n) for n in range(1, pods + 1)],
        PACKED,
    )
    given_ = slots_of(plan)
    assert len(set(given_)) == len(given_)
    assert all(count <= 3 for count in Counter(pod for pod, _ in given_).values())
    wanted = Counter(kind == "plan" for kind in kinds)
    got = Counter(kinds[number] == "plan" for number in tasks_of(plan))
    main = sum(index == 0 for _, index in given_)
    assert got[False] == wanted[False] or main == pods
    assert got[True] == wanted[True] or len(given_) == 3 * pods or main == pods


def test_a_pod_that_is_for_one_task_takes_that_task_alone():
    mine = a_pod(1, only=task_id(7))
    plan = plan_of([queued(1), queued(7)], [mine], PACKED, pods=Outlook(starting=2, most=9))
    assert (tasks_of(plan), agents_of(plan)) == ([7], [1])
    assert plan.waiting == {"plain": C.SCALING_OUT}


def test_a_slot_that_is_kept_for_a_decision_is_named_as_the_reason():
    kept = a_pod(1, free=(1, 2), held_slots=(HeldSlot("main", task_id(9)),))
    plan = plan_of([queued(1)], [kept], PACKED)
    assert plan.waiting == {"plain": C.LANE_RESERVED}
    full = a_pod(2, free=())
    assert plan_of([queued(1)], [kept, full], PACKED).waiting == {"plain": C.SLOTS_FULL}
