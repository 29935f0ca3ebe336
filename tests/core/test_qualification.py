"""Who may take a task: the first rule that says no, and by which fact."""

from typing import Any
from uuid import UUID

import pytest

from agents.core.states import Desired, Observed, may_get_work
from executors.core.codes import NEARNESS, WaitingCode
from executors.core.constraints import Constraint, Operand
from executors.core.qualification import Exclusion, identity, rule_out
from tests.core.values import PLAIN, a_candidate, a_requirement

POOL = UUID(int=1)
FULL = Exclusion(WaitingCode.SLOTS_FULL, "free_slots", "1", "0 of 4")


def test_an_agent_that_fits_is_not_ruled_out() -> None:
    requirement = a_requirement(
        labels={"gpu": "a100"},
        constraints=(Constraint("device.cpu.cores", Operand.GREATER, "4"),),
        resources={"memory": 2.0},
    )
    candidate = a_candidate(
        1,
        labels={"gpu": "a100", "zone": "b"},
        device={"cpu": {"cores": 8}},
        free_resources={"memory": 2.0},
    )
    assert rule_out(requirement, candidate) is None


@pytest.mark.parametrize(
    ("needs", "has", "exclusion"),
    [
        (
            {},
            {"desired": Desired.REVOKED},
            Exclusion(WaitingCode.NO_AGENTS, "desired", "active", "revoked"),
        ),
        (
            {"driver": "terraform"},
            {"capabilities": {"drivers": ["exec", "noop"]}},
            Exclusion(
                WaitingCode.CAPABILITY_MISSING, "capabilities.drivers", "terraform", "exec, noop"
            ),
        ),
        (
            {},
            {"capabilities": {}},
            Exclusion(WaitingCode.CAPABILITY_MISSING, "capabilities.drivers", "exec", ""),
        ),
        (
            {"labels": {"zone": "b", "gpu": "a100"}},
            {"labels": {"gpu": "h100"}},
            Exclusion(WaitingCode.LABELS_MISSING, "labels.gpu", "a100", "h100"),
        ),
        (
            {"constraints": (Constraint("device.cpu.cores", Operand.GREATER, "4"),)},
            {"device": {"cpu": {"cores": 2}}},
            Exclusion(WaitingCode.CONSTRAINT_UNMET, "device.cpu.cores", "> 4", "2"),
        ),
        (
            {},
            {"observed": Observed.ERROR},
            Exclusion(WaitingCode.NO_AGENT_ONLINE, "observed", "online", "error"),
        ),
        (
            {},
            {"desired": Desired.DRAINING},
            Exclusion(WaitingCode.PAUSED, "desired", "active", "draining"),
        ),
        (
            {"resources": {"memory": 2.5}},
            {"free_resources": {"memory": 2.0}},
            Exclusion(WaitingCode.RESOURCES_SHORT, "resources.memory", "2.5", "2"),
        ),
        (
            {"resources": {"gpu": 1}},
            {"free_resources": {"memory": 2.0}},
            Exclusion(WaitingCode.RESOURCES_SHORT, "resources.gpu", "1", "0"),
        ),
        ({}, {"free": 0, "total_slots": 4}, FULL),
        (
            {},
            {"lanes": ("plan", "plan")},
            Exclusion(WaitingCode.LANE_FULL, "free_slots.lane", "general or main", "plan"),
        ),
    ],
)
def test_the_rule_that_says_no_is_named_with_what_it_needs_and_what_it_found(
    needs: dict[str, Any], has: dict[str, Any], exclusion: Exclusion
) -> None:
    assert rule_out(a_requirement(**needs), a_candidate(1, **has)) == exclusion


def test_an_agent_that_never_said_what_it_can_is_away_not_incapable() -> None:
    candidate = a_candidate(1, capabilities={}, observed=Observed.OFFLINE)
    exclusion = rule_out(PLAIN, candidate)
    assert exclusion is not None
    assert exclusion.code is WaitingCode.NO_AGENT_ONLINE


def test_what_an_agent_is_counts_before_whether_it_is_there() -> None:
    """An offline agent with the wrong labels would not help if it came back."""
    candidate = a_candidate(1, observed=Observed.OFFLINE, free=0)
    exclusion = rule_out(a_requirement(labels={"gpu": "a100"}), candidate)
    assert exclusion is not None
    assert exclusion.code is WaitingCode.LABELS_MISSING


def test_being_away_counts_before_being_paused() -> None:
    """Resuming an agent that is not there would not help."""
    exclusion = rule_out(PLAIN, a_candidate(1, observed=Observed.OFFLINE, desired=Desired.PAUSED))
    assert exclusion is not None
    assert exclusion.code is WaitingCode.NO_AGENT_ONLINE


@pytest.mark.parametrize("desired", Desired)
@pytest.mark.parametrize("observed", Observed)
def test_an_idle_agent_is_ruled_out_exactly_when_it_may_get_no_work(
    desired: Desired, observed: Observed
) -> None:
    candidate = a_candidate(1, desired=desired, observed=observed)
    assert (rule_out(PLAIN, candidate) is None) is may_get_work(desired, observed)


def test_ten_tenths_fit_into_one() -> None:
    candidate = a_candidate(1, free_resources={"cpu": 1 - 9 * 0.1})
    assert rule_out(a_requirement(resources={"cpu": 0.1}), candidate) is None


@pytest.mark.parametrize(
    ("kind", "lane", "may"),
    [
        ("exec", "general", True),
        ("exec", "main", True),
        ("exec", "plan", False),
        ("plan", "plan", True),
        ("plan", "main", True),
        ("plan_and_apply", "plan", False),
        ("plan_and_apply", "main", True),
    ],
)
def test_a_lane_takes_its_kinds(kind: str, lane: str, may: bool) -> None:
    candidate = a_candidate(1, lanes=(lane,))
    assert (rule_out(a_requirement(kind=kind), candidate) is None) is may


def test_a_long_fact_is_cut_in_the_reason() -> None:
    requirement = a_requirement(constraints=(Constraint("labels.x", Operand.EQUAL, "y"),))
    exclusion = rule_out(requirement, a_candidate(1, labels={"x": "z" * 5000}))
    assert exclusion is not None
    assert len(exclusion.found) == 200


def test_every_exclusion_has_its_nearness() -> None:
    assert len(set(NEARNESS)) == len(NEARNESS)
    assert FULL.code in NEARNESS


def test_the_same_requirement_has_the_same_id_however_it_is_written() -> None:
    one = a_requirement("x", labels={"a": "1", "b": "2"}, resources={"cpu": 1, "memory": 2})
    same = a_requirement("y", labels={"b": "2", "a": "1"}, resources={"memory": 2.0, "cpu": 1.0})
    assert identity(one, POOL) == identity(same, POOL)
    assert len(identity(one, POOL)) == 32


def test_whatever_differs_makes_another_requirement() -> None:
    constraint = Constraint("labels.x", Operand.EQUAL, "y")
    ids = {
        identity(a_requirement(), POOL),
        identity(a_requirement(), UUID(int=2)),
        identity(a_requirement(kind="plan"), POOL),
        identity(a_requirement(driver="noop"), POOL),
        identity(a_requirement(labels={"a": "1"}), POOL),
        identity(a_requirement(resources={"a": 1}), POOL),
        identity(a_requirement(constraints=(constraint,)), POOL),
        identity(a_requirement(constraints=(constraint, constraint)), POOL),
    }
    assert len(ids) == 8
