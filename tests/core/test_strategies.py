"""Which of the agents that fit gets the task, strategy by strategy, and which of its slots."""

import pytest

from executors.core.selection import SelectionPolicy, Strategy
from tests.core.values import a_candidate, agent_id, agents_of, plan_of, queued, slot_id


def test_round_robin_goes_on_after_the_agent_served_last_and_around() -> None:
    agents = [a_candidate(n, free=2) for n in (1, 2, 3)]
    policy = SelectionPolicy(strategy=Strategy.ROUND_ROBIN, cursor=agent_id(1))
    plan = plan_of([queued(n) for n in range(5)], agents, policy)
    assert agents_of(plan) == [2, 3, 1, 2, 3]
    assert plan.cursor == agent_id(3)


def test_round_robin_goes_on_although_the_agent_served_last_is_gone() -> None:
    agents = [a_candidate(n) for n in (1, 3)]
    policy = SelectionPolicy(strategy=Strategy.ROUND_ROBIN, cursor=agent_id(2))
    assert agents_of(plan_of([queued(1)], agents, policy)) == [3]


def test_round_robin_is_one_round_for_all_requirements() -> None:
    agents = [a_candidate(n, free=2, labels={"zone": "a"}) for n in (1, 2, 3)]
    policy = SelectionPolicy(strategy=Strategy.ROUND_ROBIN)
    queue = [queued(n, needs=needs) for n, needs in enumerate(["plain", "zone-a"] * 3)]
    assert agents_of(plan_of(queue, agents, policy)) == [1, 2, 3, 1, 2, 3]


def test_least_busy_levels_the_share_of_slots_in_use() -> None:
    agents = [a_candidate(1, free=1, total_slots=4), a_candidate(2, free=3, total_slots=4)]
    agents.append(a_candidate(3, free=2, total_slots=2))
    policy = SelectionPolicy(strategy=Strategy.LEAST_BUSY)
    plan = plan_of([queued(n) for n in range(6)], agents, policy)
    assert agents_of(plan) == [3, 2, 2, 3, 1, 2]


def test_least_busy_sees_what_other_requirements_took() -> None:
    agents = [a_candidate(n, free=2, labels={"zone": "a"}) for n in (1, 2)]
    policy = SelectionPolicy(strategy=Strategy.LEAST_BUSY)
    queue = [queued(1, needs="zone-a"), queued(2), queued(3, needs="zone-a"), queued(4)]
    assert agents_of(plan_of(queue, agents, policy)) == [1, 2, 1, 2]


def test_label_match_takes_the_agent_with_the_fewest_labels_to_spare() -> None:
    agents = [
        a_candidate(1, labels={"zone": "a", "gpu": "a100"}),
        a_candidate(2, labels={"zone": "a"}),
        a_candidate(3),
    ]
    policy = SelectionPolicy(strategy=Strategy.LABEL_MATCH)
    queue = [queued(1, needs="zone-a"), queued(2), queued(3)]
    assert agents_of(plan_of(queue, agents, policy)) == [2, 3, 1]


def test_random_is_decided_by_its_seed_and_reaches_everyone() -> None:
    agents = [a_candidate(n) for n in range(5)]
    policy = SelectionPolicy(strategy=Strategy.RANDOM)
    first = [agents_of(plan_of([queued(1)], agents, policy, seed=seed)) for seed in range(60)]
    again = [agents_of(plan_of([queued(1)], agents, policy, seed=seed)) for seed in range(60)]
    assert first == again
    assert {agent for [agent] in first} == set(range(5))


@pytest.mark.parametrize("strategy", Strategy)
def test_only_the_round_robin_moves_the_cursor(strategy: Strategy) -> None:
    policy = SelectionPolicy(strategy=strategy, cursor=agent_id(9))
    plan = plan_of([queued(1)], [a_candidate(1)], policy)
    expected = 1 if strategy is Strategy.ROUND_ROBIN else 9
    assert plan.cursor == agent_id(expected)


def test_a_plan_leaves_the_slot_that_can_apply_to_the_last() -> None:
    pod = a_candidate(1, lanes=("main", "plan", "plan"))
    plan = plan_of([queued(n, needs="plan") for n in range(3)], [pod])
    assert [placement.slot_id for placement in plan.placements] == [
        slot_id(1, 1),
        slot_id(1, 2),
        slot_id(1, 0),
    ]


def test_slots_of_an_agent_fill_from_the_lowest() -> None:
    plan = plan_of([queued(1), queued(2)], [a_candidate(1, free=3)])
    assert [placement.slot_id for placement in plan.placements] == [slot_id(1, 0), slot_id(1, 1)]
