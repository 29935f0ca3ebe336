"""Reasons are right: the fact that a reason names ends it, and no other fact does."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.core.states import Desired, Observed
from executors.core.advice import Case, advise
from executors.core.codes import NEARNESS, WaitingCode
from executors.core.constraints import Constraint, Operand
from executors.core.gates import Gate, Standing, gates
from executors.core.qualification import Candidate, Exclusion, NotNow, Requirement, rule_out
from executors.core.waiting import Explanation, PoolFacts, TaskFacts, explain
from pools.core.gates import Barrier, BarrierRule
from tests.core.values import a_candidate, a_requirement

C = WaitingCode
NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
CORES = Constraint("device.cores", Operand.GREATER, "3")

requirements = st.builds(
    a_requirement,
    st.just("r"),
    kind=st.sampled_from(["exec", "plan"]),
    labels=st.dictionaries(st.sampled_from(["gpu", "zone"]), st.just("yes")),
    constraints=st.sampled_from([(), (CORES,)]),
    resources=st.sampled_from([{}, {"memory": 4.0}]),
)
candidates = st.builds(
    a_candidate,
    st.integers(1, 99),
    free=st.integers(0, 2),
    desired=st.sampled_from([Desired.ACTIVE, Desired.PAUSED, Desired.DRAINING]),
    observed=st.sampled_from([Observed.ONLINE, Observed.OFFLINE, Observed.PENDING]),
    labels=st.dictionaries(st.sampled_from(["gpu", "zone"]), st.sampled_from(["yes", "no"])),
    capabilities=st.sampled_from([{"drivers": ["exec"]}, {"drivers": ["noop"]}]),
    device=st.sampled_from([{"cores": 2}, {"cores": 8}]),
    free_resources=st.sampled_from([{}, {"memory": 1.0}, {"memory": 8.0}]),
    not_now=st.sampled_from([None, NotNow("a person works here", NOON)]),
)
fleets = st.lists(candidates, max_size=4, unique_by=lambda one: one.agent_id)

Mend = Callable[[Candidate, Exclusion], Candidate]


def with_slot(candidate: Candidate, _: Exclusion) -> Candidate:
    slots = a_candidate(candidate.agent_id.int & 0xFFFF, free=1).free_slots
    return replace(candidate, free_slots=slots, total_slots=candidate.total_slots + 1)


# What mends each rule: one fact of the candidate, as the reason names it.
MENDS: dict[WaitingCode, Mend] = {
    C.CAPABILITY_MISSING: lambda one, why: replace(one, capabilities={"drivers": [why.needed]}),
    C.LABELS_MISSING: lambda one, why: replace(
        one, labels={**one.labels, why.rule.removeprefix("labels."): why.needed}
    ),
    C.CONSTRAINT_UNMET: lambda one, _: replace(one, device={"cores": 8}),
    C.NO_AGENT_ONLINE: lambda one, _: replace(one, observed=Observed.ONLINE),
    C.PAUSED: lambda one, _: replace(one, desired=Desired.ACTIVE),
    C.NOT_NOW: lambda one, _: replace(one, not_now=None),
    C.RESOURCES_SHORT: lambda one, why: replace(one, free_resources={"memory": float(why.needed)}),
    C.SLOTS_FULL: with_slot,
}
# The facts that a rule is about; of two rules that share none, one says nothing of the other.
ORDER = (*NEARNESS[1:7], C.RESOURCES_SHORT, C.SLOTS_FULL)


def unrelated(why: Exclusion) -> list[WaitingCode]:
    """Return the rules that are asked later: whatever they find, this one has the say."""
    return [code for code in MENDS if ORDER.index(code) > ORDER.index(why.code)]


@given(requirements, candidates)
def test_the_fact_that_a_reason_names_ends_it(
    requirement: Requirement, candidate: Candidate
) -> None:
    why = rule_out(requirement, candidate)
    steps = 0
    while why is not None:
        candidate = MENDS[why.code](candidate, why)
        after = rule_out(requirement, candidate)
        assert after is None or after.rule != why.rule
        why, steps = after, steps + 1
        assert steps <= len(MENDS) + 1, "each step mends one fact, and no fact breaks another"


@given(requirements, candidates)
def test_a_fact_that_a_reason_does_not_name_does_not_end_it(
    requirement: Requirement, candidate: Candidate
) -> None:
    why = rule_out(requirement, candidate)
    if why is None:
        return
    for code in unrelated(why):
        needed = why if code is not C.RESOURCES_SHORT else replace(why, needed="4")
        assert rule_out(requirement, MENDS[code](candidate, needed)) == why


@given(requirements, fleets)
def test_the_code_of_the_whole_goes_when_every_candidate_that_gives_it_is_mended(
    requirement: Requirement, fleet: list[Candidate]
) -> None:
    before = explain(requirement, fleet, PoolFacts())
    if before.code in {C.NO_AGENTS, C.BEHIND_OTHERS}:
        return
    mended, rules = [], set()
    for one, reason in zip(fleet, before.reasons, strict=True):
        named = reason.exclusion if reason.code is before.code else None
        mended.append(MENDS[before.code](one, named) if named else one)
        rules |= {named.rule} if named else set()
    after = explain(requirement, mended, PoolFacts())
    same = [one.exclusion for one in after.reasons if one.code is before.code]
    assert after.code is not before.code or {one.rule for one in same if one} != rules


WHOLE: list[tuple[dict[str, Any], dict[str, Any], WaitingCode, str]] = [
    ({"barriers": (Barrier(rule=BarrierRule.PAUSED),)}, {}, C.PAUSED, "pool_active"),
    ({"barriers": (Barrier(rule=BarrierRule.WINDOW),)}, {}, C.MAINTENANCE_WINDOW, "pool_window"),
    ({"held": 2, "max_concurrent": 2}, {}, C.POOL_LIMIT, "pool_limit"),
    ({}, {"owner_held": 1, "max_per_owner": 1}, C.OWNER_SHARE, "owner_limit"),
    ({}, {"run_after": NOON}, C.RETRY_BACKOFF, "backoff"),
]
MENDED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "pool_active": ({"barriers": ()}, {}),
    "pool_window": ({"barriers": ()}, {}),
    "pool_limit": ({"max_concurrent": 3}, {}),
    "owner_limit": ({}, {"max_per_owner": 2}),
    "backoff": ({}, {"run_after": None}),
}


def asked(pool: dict[str, Any], task: dict[str, Any]) -> tuple[Explanation, dict[str, Gate]]:
    """Explain a task that a free agent could take, but for the pool and itself."""
    facts, standing = PoolFacts(**pool), Standing(**task)
    found = explain(
        a_requirement(),
        [a_candidate(1)],
        facts,
        task=TaskFacts(
            hindrance=C.RETRY_BACKOFF if standing.run_after else None,
            owner_at_limit=standing.owner_at_limit,
        ),
    )
    return found, {gate.name: gate for gate in gates(facts, standing, found.reasons)}


@pytest.mark.parametrize(("pool", "task", "code", "gate"), WHOLE)
def test_pool_and_task_hold_by_one_gate_and_its_fact_opens_it(
    pool: dict[str, Any], task: dict[str, Any], code: WaitingCode, gate: str
) -> None:
    found, by_name = asked(pool, task)
    assert found.code is code
    assert [name for name, one in by_name.items() if one.passed is False] == [gate]
    for name, (in_pool, of_task) in MENDED.items():
        if {name, gate} == {"pool_active", "pool_window"}:
            continue
        after, _ = asked({**pool, **in_pool}, {**task, **of_task})
        assert (after.code is not code) is (name == gate)


def test_two_barriers_are_both_shown() -> None:
    both = tuple(Barrier(rule=rule) for rule in (BarrierRule.PAUSED, BarrierRule.WINDOW))
    _, by_name = asked({"barriers": both}, {})
    assert by_name["pool_active"].passed is False
    assert by_name["pool_window"].passed is False


@given(requirements, fleets)
def test_the_funnel_counts_each_candidate_once_and_ends_with_those_that_fit(
    requirement: Requirement, fleet: list[Candidate]
) -> None:
    found = explain(requirement, fleet, PoolFacts())
    fits = sum(reason.exclusion is None for reason in found.reasons)
    by_name = {gate.name: gate for gate in gates(PoolFacts(), Standing(), found.reasons)}
    assert (by_name["slots"].passed is True) is (fits > 0)
    verdicts = [by_name[name].passed for name in by_name if name not in {"queue"}]
    first = verdicts.index(False) if False in verdicts else len(verdicts)
    assert all(verdicts[:first])
    assert not any(verdicts[first + 1 :])


@given(requirements, fleets)
def test_whatever_holds_a_task_somebody_can_do_something(
    requirement: Requirement, fleet: list[Candidate]
) -> None:
    case = Case(
        explanation=explain(requirement, fleet, PoolFacts()),
        requirement=requirement,
        candidates=fleet,
        pool=PoolFacts(),
        standing=Standing(),
        pool_id=UUID(int=1),
        task_id=UUID(int=2),
        now=NOON,
    )
    for advice in advise(case):
        assert advice.role
        assert advice.text
        assert advice.command.startswith("k8s4r ")
    assert advise(case)
