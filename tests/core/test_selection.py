"""A pass: nobody gets two slots, no slot gets two tasks, and none idles while work fits."""

from collections import Counter
from dataclasses import replace
from random import Random
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.core.states import Desired, Observed
from executors.core.codes import WaitingCode
from executors.core.qualification import Candidate, lanes_of, rule_out
from executors.core.selection import Limits, Plan, Queued, SelectionPolicy, Strategy
from executors.core.waiting import PoolFacts, explain
from tests.core.values import (
    REQUIREMENTS,
    a_candidate,
    agent_id,
    owner_id,
    plan_of,
    project_id,
    queued,
    tasks_of,
)

CANDIDATES = st.lists(
    st.builds(
        a_candidate,
        st.integers(0, 30),
        lanes=st.lists(st.sampled_from(["general", "main", "plan"]), max_size=4).map(tuple),
        labels=st.sampled_from([{}, {"zone": "a"}, {"zone": "b"}, {"zone": "a", "gpu": "1"}]),
        free_resources=st.sampled_from([{}, {"cpu": 2.0}, {"cpu": 7.0}]),
        desired=st.sampled_from([Desired.ACTIVE, Desired.ACTIVE, Desired.DRAINING]),
        observed=st.sampled_from([Observed.ONLINE, Observed.ONLINE, Observed.OFFLINE]),
    ),
    unique_by=lambda candidate: candidate.agent_id,
    max_size=8,
)
QUEUES = st.lists(
    st.builds(
        queued,
        st.integers(0, 10**6),
        key=st.floats(-2000, 2000),
        project=st.sampled_from("pq"),
        owner=st.sampled_from("ab"),
        needs=st.sampled_from(sorted(REQUIREMENTS)),
    ),
    unique_by=lambda task: task.task_id,
    max_size=30,
)
POLICIES = st.builds(
    SelectionPolicy,
    strategy=st.sampled_from(Strategy),
    cursor=st.none() | st.integers(0, 30).map(agent_id),
)


@given(QUEUES, CANDIDATES, POLICIES)
def test_every_placement_is_of_a_waiting_task_on_a_free_slot_of_a_lane_it_may_use(
    queue: list[Queued], candidates: list[Candidate], policy: SelectionPolicy
) -> None:
    plan = plan_of(queue, candidates, policy)
    needs = {task.task_id: REQUIREMENTS[task.requirement_id] for task in queue}
    slots = {slot.slot_id: (each, slot) for each in candidates for slot in each.free_slots}
    for placement in plan.placements:
        candidate, slot = slots[placement.slot_id]
        requirement = needs[placement.task_id]
        assert candidate.agent_id == placement.agent_id
        assert slot.lane in lanes_of(requirement.kind)
        assert rule_out(requirement, candidate) is None


@given(QUEUES, CANDIDATES, POLICIES)
def test_no_slot_gets_two_tasks_and_no_task_two_slots(
    queue: list[Queued], candidates: list[Candidate], policy: SelectionPolicy
) -> None:
    placements = plan_of(queue, candidates, policy).placements
    assert len({placement.slot_id for placement in placements}) == len(placements)
    assert len({placement.task_id for placement in placements}) == len(placements)


@given(QUEUES, CANDIDATES, POLICIES)
def test_no_agent_gives_more_resources_than_it_has(
    queue: list[Queued], candidates: list[Candidate], policy: SelectionPolicy
) -> None:
    needs = {task.task_id: REQUIREMENTS[task.requirement_id] for task in queue}
    used: Counter[UUID] = Counter()
    for placement in plan_of(queue, candidates, policy).placements:
        used[placement.agent_id] += needs[placement.task_id].resources.get("cpu", 0.0)  # type: ignore[assignment]
    for each in candidates:
        assert used[each.agent_id] <= each.free_resources.get("cpu", 0.0)


@given(QUEUES, CANDIDATES, POLICIES)
def test_every_task_is_placed_or_its_requirement_says_why_not(
    queue: list[Queued], candidates: list[Candidate], policy: SelectionPolicy
) -> None:
    plan = plan_of(queue, candidates, policy)
    placed = {placement.task_id for placement in plan.placements}
    left = {task.requirement_id for task in queue if task.task_id not in placed}
    assert plan.waiting.keys() == left


@given(QUEUES, CANDIDATES, POLICIES)
def test_no_slot_idles_while_a_task_waits_that_fits_it(
    queue: list[Queued], candidates: list[Candidate], policy: SelectionPolicy
) -> None:
    """So a task that fits nowhere never blocks one that does."""
    plan = plan_of(queue, candidates, policy)
    after = [what_is_left(each, plan, queue) for each in candidates]
    for requirement_id in plan.waiting:
        requirement = REQUIREMENTS[requirement_id]
        assert all(rule_out(requirement, each) is not None for each in after)


@given(QUEUES, CANDIDATES, POLICIES)
def test_the_code_of_a_pass_is_the_code_that_a_person_reads_afterwards(
    queue: list[Queued], candidates: list[Candidate], policy: SelectionPolicy
) -> None:
    plan = plan_of(queue, candidates, policy)
    after = [what_is_left(each, plan, queue) for each in candidates]
    for requirement_id, code in plan.waiting.items():
        assert explain(REQUIREMENTS[requirement_id], after, PoolFacts()).code is code


def what_is_left(candidate: Candidate, plan: Plan, queue: list[Queued]) -> Candidate:
    """Return the candidate as the next snapshot would show it."""
    needs = {task.task_id: REQUIREMENTS[task.requirement_id] for task in queue}
    mine = [each for each in plan.placements if each.agent_id == candidate.agent_id]
    taken = {each.slot_id for each in mine}
    used = sum(needs[each.task_id].resources.get("cpu", 0.0) for each in mine)
    return Candidate(
        agent_id=candidate.agent_id,
        desired=candidate.desired,
        observed=candidate.observed,
        labels=candidate.labels,
        capabilities=candidate.capabilities,
        free_slots=tuple(slot for slot in candidate.free_slots if slot.slot_id not in taken),
        total_slots=candidate.total_slots,
        free_resources={name: size - used for name, size in candidate.free_resources.items()},
    )


@given(QUEUES, CANDIDATES, POLICIES, st.randoms())
def test_a_pass_is_decided_by_what_there_is_not_by_how_it_is_listed(
    queue: list[Queued], candidates: list[Candidate], policy: SelectionPolicy, random: Random
) -> None:
    again = plan_of(
        random.sample(queue, len(queue)), random.sample(candidates, len(candidates)), policy
    )
    assert again == plan_of(queue, candidates, policy)


@given(QUEUES, CANDIDATES, POLICIES, st.integers(0, 4), st.integers(0, 3))
def test_limits_of_pool_and_owner_hold(
    queue: list[Queued],
    candidates: list[Candidate],
    policy: SelectionPolicy,
    most: int,
    per_owner: int,
) -> None:
    held = {(project_id("p"), owner_id("a")): 1, (project_id("q"), owner_id("b")): 1}
    limited = SelectionPolicy(
        strategy=policy.strategy, limits=Limits(max_concurrent=most, per_owner=per_owner)
    )
    plan = plan_of(queue, candidates, limited, held=held)
    owners = {task.task_id: task.owner_id for task in queue}
    got = Counter(owners[placement.task_id] for placement in plan.placements)
    assert len(plan.placements) <= max(0, most - 2)
    for owner in ("a", "b"):
        assert got[owner_id(owner)] <= max(0, per_owner - 1)


@given(QUEUES, CANDIDATES, POLICIES, st.integers(0, 5))
def test_a_pass_that_may_place_only_so_many_places_the_first_of_a_longer_one(
    queue: list[Queued], candidates: list[Candidate], policy: SelectionPolicy, most: int
) -> None:
    whole = plan_of(queue, candidates, policy)
    cut = plan_of(queue, candidates, replace(policy, most=most))
    assert cut.placements == whole.placements[:most]
    assert cut.is_cut == (len(whole.placements) >= most)
    assert not whole.is_cut


def test_at_the_pools_limit_the_limit_is_the_reason() -> None:
    policy = SelectionPolicy(limits=Limits(max_concurrent=1))
    plan = plan_of(
        [queued(1), queued(2), queued(3, needs="nowhere")], [a_candidate(1, free=3)], policy
    )
    assert tasks_of(plan) == [1]
    assert plan.waiting == {
        "plain": WaitingCode.POOL_LIMIT,
        "nowhere": WaitingCode.CAPABILITY_MISSING,
    }


def test_an_owner_at_the_limit_waits_while_others_are_served() -> None:
    policy = SelectionPolicy(limits=Limits(per_owner=1))
    queue = [queued(1, owner="a"), queued(2, owner="a"), queued(3, owner="b")]
    plan = plan_of(queue, [a_candidate(1, free=5)], policy)
    assert tasks_of(plan) == [1, 3]
    assert plan.waiting == {"plain": WaitingCode.OWNER_SHARE}


def test_a_limit_per_owner_counts_in_all_projects_together() -> None:
    policy = SelectionPolicy(limits=Limits(per_owner=2))
    held = {(project_id("p"), owner_id("a")): 1}
    queue = [queued(n, owner="a", project="q") for n in (1, 2)]
    assert tasks_of(plan_of(queue, [a_candidate(1, free=5)], policy, held=held)) == [1]


def test_when_the_slots_run_out_the_slots_are_the_reason() -> None:
    plan = plan_of([queued(1), queued(2)], [a_candidate(1)])
    assert (tasks_of(plan), plan.waiting) == ([1], {"plain": WaitingCode.SLOTS_FULL})


def test_when_the_resources_run_out_the_resources_are_the_reason() -> None:
    agent = a_candidate(1, free=4, free_resources={"cpu": 7.0})
    plan = plan_of([queued(n, needs="big") for n in range(4)], [agent])
    assert tasks_of(plan) == [0, 1]
    assert plan.waiting == {"big": WaitingCode.RESOURCES_SHORT}


def test_a_slot_of_another_lane_that_was_taken_in_the_pass_is_not_called_free() -> None:
    queue = [queued(1, needs="plan"), queued(2, needs="plain")]
    plan = plan_of(queue, [a_candidate(1, lanes=("plan",))])
    assert plan.waiting == {"plain": WaitingCode.SLOTS_FULL}


def test_without_candidates_everything_waits_for_an_agent() -> None:
    plan = plan_of([queued(1)], [])
    assert (plan.placements, plan.waiting) == ((), {"plain": WaitingCode.NO_AGENTS})


def test_an_empty_queue_makes_an_empty_plan_and_keeps_the_cursor() -> None:
    plan = plan_of([], [a_candidate(1)], SelectionPolicy(cursor=agent_id(7)))
    assert (plan.placements, plan.waiting, plan.cursor) == ((), {}, agent_id(7))


@pytest.mark.parametrize("strategy", Strategy)
def test_each_pair_of_requirement_and_agent_is_judged_at_most_once(strategy: Strategy) -> None:
    """A pass stays linear: labels that count their comparisons show it."""
    asked: Counter[int] = Counter()

    class Watched(dict[str, str]):
        def __init__(self, number: int) -> None:
            super().__init__(zone="a")
            self.number = number

        def items(self) -> Any:
            asked[self.number] += 1
            return super().items()

    agents = [a_candidate(n, free=3, labels=Watched(n)) for n in range(20)]
    queue = [queued(n, needs="zone-a") for n in range(60)]
    plan = plan_of(queue, agents, SelectionPolicy(strategy=strategy))
    assert len(plan.placements) == 60
    assert set(asked.values()) == {1}
