"""A plan is held with its slot until somebody else decides; what is approved is what was made."""

import pytest

from agents.models import Agent
from executors.models import Attempt, Task
from executors.services import (
    approvals,
    cancellation,
    reservations,
)
from k8s4r import clock
from k8s4r.audit.models import AuditEvent
from k8s4r.core.errors import Conflict, Forbidden, IllegalTransition
from tests.builders import (
    NOON,
    a_held_plan,
    a_pool,
    a_task,
    a_user,
    an_agent,
    an_attempt,
    seconds,
    state_of,
)
from tests.services.agentside import report, says
from tests.services.planning import (
    DAY_S,
    DIGEST,
    LATER,
    approved,
    claimed,
    decision,
    person,
    standing,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def agent():
    return an_agent()


@pytest.fixture
def plan(agent):
    return a_held_plan(a_pool(agent), agent, sha256=DIGEST)


# How a plan comes to wait.


def test_a_plan_that_was_made_waits_with_its_slot_for_as_long_as_its_task_says(agent):
    asked = {"kind": "plan_and_apply", "phase": "plan", "reservation_timeout_s": 600}
    plan = an_attempt(a_task(a_pool(agent), **asked), agent)

    said = [says(plan, 1, "started"), says(plan, 2, "finished", exit_code=0)]
    assert report(plan, *said) == ["ok", "ok"]

    plan.refresh_from_db()
    assert (plan.state, plan.exit_code, plan.ended_at) == ("held", 0, None)
    assert plan.reserved_until == NOON + seconds(100 + 600)
    assert standing(plan.task_id) == ("apply_pending", "plan", "")
    # Said again, it is known; said otherwise, it changes nothing.
    assert report(plan, *said, at_s=101) == ["duplicate", "duplicate"]
    assert state_of(plan) == "held"


def test_a_plan_that_nobody_applies_is_simply_a_result(agent):
    plan = an_attempt(a_task(a_pool(agent), kind="plan", phase="plan"), agent, state="running")
    report(plan, says(plan, 1, "finished", exit_code=0))
    assert (state_of(plan), state_of(plan.task_id)) == ("succeeded", "completed")


def test_a_plan_that_failed_fails_its_task(agent):
    asked = {"kind": "plan_and_apply", "phase": "plan"}
    plan = an_attempt(a_task(a_pool(agent), **asked), agent, state="running")
    report(plan, says(plan, 1, "finished", exit_code=3))
    assert standing(plan.task_id) == ("failed", "plan", "exit_code")


def test_a_plan_that_was_made_although_it_was_to_stop_is_not_held(agent):
    asked = {"kind": "plan_and_apply", "phase": "plan"}
    plan = an_attempt(a_task(a_pool(agent), **asked), agent, state="running")
    cancellation.cancel([plan.task_id], actor=person().actor, now=LATER)
    report(plan, says(plan, 1, "finished", exit_code=0), at_s=130)
    assert (state_of(plan), state_of(plan.task_id)) == ("stopped", "cancelled")
    # Its runner keeps it until it is told: this is no result that it knows to be one.
    assert [one.attempt for one in claimed(agent, plan).directives.stop] == [plan.pk]


def test_work_whose_agent_was_away_is_held_when_it_comes_back_with_its_plan(agent):
    asked = {"kind": "plan_and_apply", "phase": "plan", "disconnect": "wait"}
    plan = an_attempt(a_task(a_pool(agent), **asked), agent, state="running")
    Attempt.objects.filter(pk=plan.pk).update(state="unknown")
    Task.objects.filter(pk=plan.task_id).update(state="unknown")
    assert report(plan, says(plan, 1, "finished", exit_code=0)) == ["ok"]
    assert (state_of(plan), state_of(plan.task_id)) == ("held", "apply_pending")


# Who decides, and about what.


def test_an_approval_applies_the_plan_on_its_slot_and_says_who_approved_it(agent, plan):
    applying = approved(plan, comment="looks good", attempt_id=plan.pk)

    assert (state_of(plan), applying.state) == ("succeeded", "assigned")
    assert (applying.slot_id, applying.agent_id) == (plan.slot_id, agent.pk)
    assert standing(plan.task_id) == ("dispatching", "apply", "")
    (order,) = claimed(agent, plan).orders
    assert (order.attempt, order.task.phase, order.disconnect) == (applying.pk, "apply", "wait")
    assert (order.plan.attempt, order.plan.sha256) == (plan.pk, DIGEST)
    told = AuditEvent.objects.filter(object_id=plan.task_id, object_type="decision").get()
    assert (told.to_state, told.cause, told.actor_id) == (
        "approved",
        "approve",
        str(a_user("bob").pk),
    )
    assert told.detail["changes"]["comment"][1] == "looks good"
    assert told.detail["changes"]["plan_sha256"][1] == DIGEST


def test_nobody_decides_about_their_own_plan(plan):
    own = person(plan.task.owner.username)
    for decide in (approvals.approve, approvals.reject):
        with pytest.raises(Forbidden, match="another person"):
            decide(plan.task_id, decision(person=own), now=LATER)
    assert state_of(plan) == "held"


def test_a_rejection_ends_the_task_with_what_was_said_and_frees_the_slot(agent, plan):
    approvals.reject(plan.task_id, decision(comment="too many"), now=LATER)
    row = Task.objects.get(pk=plan.task_id)
    assert (row.state, row.reason, row.message, row.ended_at) == (
        "cancelled", "rejected", "too many", LATER,
    )  # fmt: skip
    assert state_of(plan) == "stopped"
    assert [one.attempt for one in claimed(agent, plan).directives.stop] == [plan.pk]


def test_only_the_plan_that_was_looked_at_is_approved(plan):
    with pytest.raises(Conflict, match="the plan changed"):
        approvals.approve(plan.task_id, decision(attempt_id=clock.new_id()), now=LATER)
    approved(plan)
    with pytest.raises(IllegalTransition, match="no plan waits"):
        approvals.approve(plan.task_id, decision(), now=LATER)


@pytest.mark.parametrize(
    ("change", "why"),
    [({"observed": "offline"}, "away"), ({"desired": "revoked"}, "revoked")],
)
def test_an_agent_that_cannot_apply_now_is_given_nothing(agent, plan, change, why):
    Agent.objects.filter(pk=agent.pk).update(**change)
    with pytest.raises(Conflict, match=why):
        approvals.approve(plan.task_id, decision(), now=LATER)
    assert (state_of(plan), standing(plan.task_id)[0]) == ("held", "apply_pending")


@pytest.mark.parametrize("desired", ["paused", "draining"])
def test_who_finishes_what_they_have_may_apply(agent, plan, desired):
    Agent.objects.filter(pk=agent.pk).update(desired=desired)
    assert approved(plan).state == "assigned"


def test_after_its_time_a_plan_is_let_go_and_cannot_be_approved(agent, plan):
    late = NOON + seconds(DAY_S)
    assert reservations.expire(now=late - seconds(1), limit=10) == 0
    with pytest.raises(Conflict, match="the time for a decision"):
        approvals.approve(plan.task_id, decision(), now=late)
    assert reservations.expire(now=late, limit=10) == 1
    assert standing(plan.task_id) == ("cancelled", "plan", "reservation_deadline")
    plan.refresh_from_db()
    assert (plan.state, plan.reserved_until) == ("stopped", None)
    assert reservations.expire(now=late, limit=10) == 0


def test_a_cancel_ends_a_task_whose_plan_waits_at_once(agent, plan):
    outcome = cancellation.cancel([plan.task_id], actor=person().actor, now=LATER)[plan.task_id]
    assert (outcome.state, outcome.stopping) == ("cancelled", False)
    assert state_of(plan) == "stopped"
    assert [one.attempt for one in claimed(agent, plan).directives.stop] == [plan.pk]
