"""Approve, reject, cancel and the end of a reservation in one instant: exactly one of them wins."""

import pytest

from agents.models import Slot
from executors.core.lifecycle import ATTEMPT_CURRENT
from executors.models import Attempt, PlanDecision, Task
from executors.services import approvals, cancellation, dispatch, reservations, sessions
from executors.services.approvals import Decision
from k8s4r.access.principals import Principal, PrincipalKind
from k8s4r.core.errors import Conflict, DomainError
from tests.builders import NOON, a_held_plan, a_pool, a_task, a_user, an_agent, seconds
from tests.concurrency.racing import race
from tests.services.planning import hello_of

pytestmark = pytest.mark.django_db(transaction=True)
# The very moment at which the reservation ends: until then, and from then on.
LATE = NOON + seconds(86_400)
BEFORE = LATE - seconds(1)


def deciding(decide, plan, person):
    """Return "did it" or why not."""
    try:
        return decide(plan.task_id, Decision(person=person), now=BEFORE)
    except DomainError as error:
        return error


def a_person():
    user = a_user("bob")
    return Principal(kind=PrincipalKind.PERSON, id=user.pk, token_id=user.pk, name="bob")


@pytest.mark.parametrize("repetition", range(8))
def test_exactly_one_of_all_that_may_end_a_reservation_does(repetition):
    agent = an_agent()
    plan = a_held_plan(a_pool(agent), agent)
    bob = a_person()

    approved, also, rejected, cancelled, expired = race(
        lambda: deciding(approvals.approve, plan, bob),
        lambda: deciding(approvals.approve, plan, bob),
        lambda: deciding(approvals.reject, plan, bob),
        lambda: cancellation.cancel([plan.task_id], actor=bob.actor, now=BEFORE)[plan.task_id],
        lambda: reservations.expire(now=LATE, limit=10),
    )

    task = Task.objects.get(pk=plan.task_id)
    was_approved = [one for one in (approved, also) if not isinstance(one, DomainError)]
    assert len(was_approved) == (task.phase == "apply")
    was_cancelled = cancelled.refusal is None and not cancelled.stopping
    ends = [not isinstance(rejected, DomainError), was_cancelled, expired == 1]
    assert sum(ends) + len(was_approved) == 1
    decided = PlanDecision.objects.count()
    assert decided == len(was_approved) + (not isinstance(rejected, DomainError))
    current = Attempt.objects.filter(state__in=ATTEMPT_CURRENT)
    if was_approved:
        # A cancel that came after it stops the apply, as it would any work.
        assert current.get().number == 2
        assert task.state in {"dispatching", "cancelled"}
    else:
        assert task.state == "cancelled"
        assert not current.exists()


@pytest.mark.parametrize("repetition", range(4))
def test_an_approval_and_a_runner_that_lost_the_plan_in_one_instant_agree(repetition):
    agent = an_agent()
    plan = a_held_plan(a_pool(agent), agent)
    bob = a_person()

    said, _ = race(
        lambda: deciding(approvals.approve, plan, bob),
        lambda: sessions.open(agent.pk, **hello_of(now=BEFORE)),
    )

    state = Task.objects.get(pk=plan.task_id).state
    if isinstance(said, Conflict):
        # The plan was gone first: another is to be made.
        assert state == "pending"
    else:
        # The order to apply was made first, and the runner does not have it: nobody can know.
        assert state == "unknown"


def test_no_other_task_gets_into_a_slot_between_a_plan_and_its_apply():
    agent = an_agent()
    pool = a_pool(agent)
    plan = a_held_plan(pool, agent)
    other = a_task(pool, now=NOON)
    bob = a_person()

    said, _ = race(
        lambda: deciding(approvals.approve, plan, bob),
        lambda: dispatch.run_pass(pool.pk, now=BEFORE, aging_weight_s=60),
    )

    assert said == "dispatching"
    assert Task.objects.get(pk=other.pk).state == "pending"
    assert Slot.objects.filter(agent=agent).count() == 1
