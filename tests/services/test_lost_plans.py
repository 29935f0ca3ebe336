"""A plan that is gone is made again, a lost apply is nobody's to start again."""

import pytest
from django.conf import settings

from agents.models import Agent, Slot
from agents.wire.messages import Held, OpenSession
from executors.core.fences import Fence
from executors.core.leases import LeasePolicy
from executors.models import Attempt, Evidence, Task
from executors.services import (
    approvals,
    drift,
    reservations,
    restoration,
    sessions,
)
from k8s4r import clock
from k8s4r.core.errors import Conflict, IllegalTransition
from tests.builders import (
    NOON,
    a_held_plan,
    a_pool,
    an_agent,
    seconds,
    session_of,
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
    expired,
    hello,
    standing,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def agent():
    return an_agent()


@pytest.fixture
def plan(agent):
    return a_held_plan(a_pool(agent), agent, sha256=DIGEST)


# What becomes of a plan and of an apply whose machine goes.


def test_a_silent_agent_keeps_its_plan(agent, plan):
    far = NOON + seconds(DAY_S - 10)
    assert expired(far) == 0
    hello(agent, plan, now=far)
    assert (state_of(plan), state_of(plan.task_id)) == ("held", "apply_pending")


def test_an_agent_that_returns_without_its_plan_makes_another_and_no_approval_counts(agent, plan):
    hello(agent)
    assert state_of(plan) == "lost"
    assert standing(plan.task_id) == ("pending", "plan", "replan_required")
    assert Task.objects.get(pk=plan.task_id).run_after is None
    with pytest.raises(IllegalTransition):
        approvals.approve(plan.task_id, decision(attempt_id=plan.pk), now=LATER)


def test_the_plan_of_a_revoked_agent_is_made_elsewhere(agent, plan):
    Agent.objects.filter(pk=agent.pk).update(desired="revoked")
    assert reservations.give_up(now=LATER, limit=10) == 1
    assert standing(plan.task_id) == ("pending", "plan", "replan_required")


def test_an_apply_that_an_agent_refuses_because_its_plan_changed_is_planned_again(agent, plan):
    applying = approved(plan)
    refusal = says(applying, 1, "refused", message="changed", reason="replan_required")
    assert report(applying, refusal, at_s=130) == ["ok"]
    row = Task.objects.get(pk=plan.task_id)
    assert (row.state, row.phase, row.reason) == ("pending", "plan", "replan_required")
    assert row.message == "changed"


def test_an_apply_that_an_owner_forbids_fails_and_is_not_planned_for_ever(agent, plan):
    applying = approved(plan)
    report(applying, says(applying, 1, "refused", message="not on my machine"), at_s=130)
    assert standing(plan.task_id) == ("failed", "apply", "refused")


def test_a_failed_apply_is_never_tried_again(agent):
    again = {"max_attempts": 9, "on": ["failed", "lost", "timed_out"]}
    plan = a_held_plan(a_pool(agent), agent, retry=again)
    applying = approved(plan)
    report(applying, says(applying, 1, "finished", exit_code=1, started_at=990.0), at_s=130)
    assert standing(plan.task_id) == ("failed", "apply", "exit_code")


@pytest.mark.parametrize("how", ["lease", "runner", "session"])
def test_nobody_starts_a_lost_apply_again(agent, plan, how):
    applying = approved(plan)
    report(applying, says(applying, 1, "started"), at_s=125)
    if how == "runner":
        report(applying, says(applying, 2, "stopped", reason="runner_lost"), at_s=130)
    elif how == "session":
        hello(agent, now=NOON + seconds(130))
    else:
        assert expired(NOON + seconds(1_000)) == 1
    applying.refresh_from_db()
    assert (applying.state, applying.ended_at) == ("unknown", None)
    assert standing(plan.task_id)[:2] == ("unknown", "apply")


def test_a_lost_apply_is_said_to_be_lost_as_often_as_needed(agent, plan):
    applying = approved(plan)
    report(applying, says(applying, 1, "started"), at_s=125)
    Attempt.objects.filter(pk=applying.pk).update(state="unknown")
    Task.objects.filter(pk=plan.task_id).update(state="unknown")
    said = says(applying, 2, "stopped", reason="runner_lost")
    assert report(applying, said, at_s=130) == ["ok"]
    assert report(applying, said, at_s=131) == ["duplicate"]
    assert (state_of(applying), state_of(plan.task_id)) == ("unknown", "unknown")
    assert not Evidence.objects.exists()


def test_an_order_to_apply_that_is_on_its_way_stays_so_over_a_link_that_died(agent, plan):
    session = session_of(agent).pk
    applying = approved(plan)
    answer = hello(agent, plan, session=session)
    assert (answer.directives.stop, state_of(applying)) == ([], "assigned")
    assert [one.attempt for one in claimed(agent, plan).orders] == [applying.pk]


def test_a_runner_that_still_holds_the_plan_never_got_the_order_and_gets_it_now(agent, plan):
    applying = approved(plan)
    answer = hello(agent, plan)
    assert (answer.directives.stop, state_of(applying)) == ([], "assigned")
    assert [one.attempt for one in claimed(agent, plan).orders] == [applying.pk]


def test_a_runner_that_has_neither_plan_nor_order_may_have_applied_it(agent, plan):
    applying = approved(plan)
    hello(agent)
    assert (state_of(applying), state_of(plan.task_id)) == ("unknown", "unknown")


def test_a_token_of_another_attempt_does_not_prove_that_a_plan_is_held(agent, plan):
    applying = approved(plan)
    wrong = Fence(settings.ATTEMPT_KEY).token(plan.pk, plan.number + 1)
    held = Held(attempt=plan.pk, token=wrong, running=False)
    message = OpenSession(session=clock.new_id(), boot_id="b", sent_at=5.0, slots=1, held=[held])
    sessions.open(agent.pk, message, now=LATER, policy=LeasePolicy())
    assert state_of(applying) == "unknown"


# A database that was set back, and what a runner says of its slots.


@pytest.mark.parametrize(("has_it", "after"), [(True, "apply_pending"), (False, "unknown")])
def test_after_a_restore_only_an_agent_can_say_that_a_plan_was_not_applied(
    agent, plan, has_it, after
):
    restoration.begin_generation(now=LATER, backup_at=None)
    assert state_of(plan) == "held"
    with pytest.raises(Conflict, match="away"):
        approvals.approve(plan.task_id, decision(), now=LATER)
    hello(agent, *([plan] if has_it else []))
    assert state_of(plan.task_id) == after
    if has_it:
        assert approved(plan).state == "assigned"


def test_after_a_restore_the_plan_of_a_revoked_agent_may_have_been_applied(agent, plan):
    restoration.begin_generation(now=LATER, backup_at=None)
    Agent.objects.filter(pk=agent.pk).update(desired="revoked")
    assert reservations.give_up(now=LATER, limit=10) == 1
    assert standing(plan.task_id)[0] == "unknown"
    assert reservations.give_up(now=LATER, limit=10) == 0


def test_after_a_restore_a_plan_outlives_its_deadline_until_its_agent_says_that_it_has_it(
    agent, plan
):
    restoration.begin_generation(now=LATER, backup_at=None)
    late = NOON + seconds(2 * DAY_S)
    assert reservations.expire(now=late, limit=10) == 0
    assert state_of(plan.task_id) == "apply_pending"
    hello(agent, plan, now=late)
    assert reservations.expire(now=late, limit=10) == 1
    assert state_of(plan.task_id) == "cancelled"


def test_a_runner_that_uses_another_slot_than_it_was_ordered_is_noticed(agent, plan):
    Slot.objects.create(agent=agent, index=1)
    before = drift.total()
    hello(agent, plan, slot=0)
    assert drift.total() == before
    hello(agent, plan, slot=1)
    assert drift.total() == before + 1
