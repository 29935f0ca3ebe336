"""A plan is held with its slot until somebody else decides; what is approved is what was made."""

import pytest
from django.conf import settings

from agents.models import Agent, Slot
from agents.wire.messages import Held, OpenSession
from executors.core.fences import Fence
from executors.core.leases import LeasePolicy, PulseSource
from executors.models import Attempt, Evidence, Pulse, Task
from executors.services import (
    approvals,
    cancellation,
    drift,
    expiry,
    orders,
    reservations,
    restoration,
    sessions,
)
from executors.services.approvals import Decision
from executors.services.orders import Ask
from k8s4r import clock
from k8s4r.access.principals import Principal, PrincipalKind
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
    session_of,
    state_of,
)
from tests.services.agentside import report, says, token_of

pytestmark = pytest.mark.django_db
LATER = NOON + seconds(120)
DAY_S = 86_400
DIGEST = "ab" * 32


def person(name="bob"):
    user = a_user(name)
    return Principal(kind=PrincipalKind.PERSON, id=user.pk, token_id=user.pk, name=name)


def decision(**fields):
    return Decision(person=fields.pop("person", None) or person(), **fields)


def approved(plan, **fields):
    approvals.approve(plan.task_id, decision(**fields), now=LATER)
    return Attempt.objects.get(task_id=plan.task_id, number=plan.number + 1)


def claimed(agent, *held, now=LATER):
    ask = Ask(agent.pk, session_of(agent).pk, [one.pk for one in held])
    (answer,) = orders.open_orders([ask], now=now)
    return answer


def hello_of(*held, session=None, slot=0, now=LATER):
    """Return what opens a session besides the agent."""
    message = OpenSession(
        session=session or clock.new_id(),
        boot_id="boot",
        sent_at=5.0,
        slots=1,
        drivers=["exec", "noop"],
        held=[Held(attempt=one.pk, token=token_of(one), running=False, slot=slot) for one in held],
    )
    return {"message": message, "now": now, "policy": LeasePolicy()}


def hello(agent, *held, **how):
    return sessions.open(agent.pk, **hello_of(*held, **how))


def expired(now):
    """Return how much was given up, after we ourselves were there all the time."""
    Pulse.objects.bulk_create(
        Pulse(source=source, seen_at=now, steady_since=NOON) for source in PulseSource
    )
    return expiry.expire_leases(now=now, limit=10, policy=LeasePolicy())


@pytest.fixture
def agent():
    return an_agent()


@pytest.fixture
def plan(agent):
    return a_held_plan(a_pool(agent), agent, sha256=DIGEST)


def standing(task_id):
    row = Task.objects.get(pk=task_id)
    return row.state, row.phase, row.reason


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
    assert state_of(plan) == "stopped"
    assert reservations.expire(now=late, limit=10) == 0


def test_a_cancel_ends_a_task_whose_plan_waits_at_once(agent, plan):
    outcome = cancellation.cancel([plan.task_id], actor=person().actor, now=LATER)[plan.task_id]
    assert (outcome.state, outcome.stopping) == ("cancelled", False)
    assert state_of(plan) == "stopped"
    assert [one.attempt for one in claimed(agent, plan).directives.stop] == [plan.pk]


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


def test_a_runner_that_uses_another_slot_than_it_was_ordered_is_noticed(agent, plan):
    Slot.objects.create(agent=agent, index=1)
    before = drift.total()
    hello(agent, plan, slot=0)
    assert drift.total() == before
    hello(agent, plan, slot=1)
    assert drift.total() == before + 1
