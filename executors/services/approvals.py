"""How does a person decide about a plan? Approved, it is applied where it was made; or it ends.

What is approved is what was looked at: one attempt's plan, by its digest, in one slot. The slot is
held from the plan to the apply: no other task gets in between.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import transaction

from agents.core.states import Desired, Observed
from agents.models import Agent, Session
from agents.wire.orders import PLAN_ARTIFACT
from executors import wakeups
from executors.core.lifecycle import AttemptEvent, AttemptState, TaskEvent, TaskState
from executors.models import Artifact, Attempt, PlanDecision, Task
from executors.services import adoption, locking, transitions
from executors.services.transitions import AttemptMove, NewAttempt, TaskMove
from k8s4r import clock
from k8s4r.access.principals import Principal
from k8s4r.audit import attribution
from k8s4r.core.errors import Conflict, Forbidden, IllegalTransition, NotFound

REJECTED: Final = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a person says of a plan, and who it is.

    ``attempt_id`` is the attempt whose plan was looked at; without one, whichever is held now.
    """

    person: Principal
    comment: str = ""
    attempt_id: UUID | None = None


@transaction.atomic
def approve(task_id: UUID, decision: Decision, *, now: datetime) -> TaskState:
    """Have the plan applied: its attempt ends, and the one that applies it begins in its slot.

    Locks: the agent that holds the plan; then the task; then the attempt.

    Raises:
        NotFound: there is no such task.
        Forbidden: it is the caller's own.
        IllegalTransition: no plan of it waits for a decision.
        Conflict: another plan waits than the one that was looked at, its time is over, or its agent
            cannot apply it now.
    """
    agent = _agent_of(task_id)
    task, plan = _plan_of(task_id, decision)
    if agent is None or plan.agent_id != agent.pk:
        raise Conflict(f"the plan of task {task_id} changed at this moment: look at it again")
    session = _able(agent, plan, now=now)
    attribution.attribute(decision.person.actor, cause="approve")
    _keep(plan, decision, is_approved=True, now=now)
    ended = AttemptMove(attempt_id=plan.pk, event=AttemptEvent.SUCCEEDED, reason="", ended_at=now)
    transitions.move_attempts([ended], now=now)
    applying = NewAttempt(
        attempt_id=clock.new_id(),
        task_id=task.pk,
        agent_id=agent.pk,
        session_id=session,
        slot_id=plan.slot_id,
    )
    made = transitions.apply(applying, now=now)
    assert made, "the agent, the task and the plan's attempt are locked"
    wakeups.news_for([agent.pk])
    return TaskState.DISPATCHING


@transaction.atomic
def reject(task_id: UUID, decision: Decision, *, now: datetime) -> TaskState:
    """End the task: its plan is not applied, and its slot is free.

    Locks: the task; then the attempt that holds the plan.

    Raises:
        NotFound, Forbidden, IllegalTransition, Conflict: as for `approve`.
    """
    task, plan = _plan_of(task_id, decision)
    attribution.attribute(decision.person.actor, cause="reject")
    _keep(plan, decision, is_approved=False, now=now)
    adoption.release({plan.pk: plan.agent_id}, REJECTED, now=now)
    ended = TaskMove(
        task_id=task.pk,
        event=TaskEvent.CANCELLED,
        reason=REJECTED,
        message=decision.comment,
        ended_at=now,
    )
    return transitions.move_tasks([ended], now=now)[task.pk]


def _agent_of(task_id: UUID) -> Agent | None:
    """Lock the agent that holds the task's plan, if any does; look again once all is locked."""
    held = Attempt.objects.filter(task_id=task_id, state=AttemptState.HELD)
    agent_id = held.values_list("agent_id", flat=True).first()
    if agent_id is None:
        return None
    return Agent.objects.select_for_update(of=("self",), no_key=True).get(pk=agent_id)


def _plan_of(task_id: UUID, decision: Decision) -> tuple[Task, Attempt]:
    """Lock the task and the attempt whose plan is decided about."""
    task = locking.tasks([task_id]).get(task_id)
    if task is None:
        raise NotFound(f"there is no task {task_id}")
    if task.owner_id == decision.person.id:
        raise Forbidden("nobody decides about a plan of their own: another person has to")
    if task.state != TaskState.APPLY_PENDING:
        raise IllegalTransition(f"task {task_id} is {task.state}: no plan waits for a decision")
    plan = locking.current_attempts([task_id])[task_id]
    if decision.attempt_id not in {None, plan.pk}:
        raise Conflict(f"the plan changed: that of attempt {plan.number} waits now, look at it")
    return task, plan


def _able(agent: Agent, plan: Attempt, *, now: datetime) -> UUID:
    """Return the session in which the agent can apply the plan.

    Raises:
        Conflict: it cannot; nothing is lost by waiting until it can.
    """
    if plan.reserved_until is not None and plan.reserved_until <= now:
        raise Conflict(f"the time for a decision ended at {plan.reserved_until:%Y-%m-%d %H:%M} UTC")
    if agent.desired == Desired.REVOKED or agent.archived_at is not None:
        raise Conflict(f"agent {agent.name}, which holds the plan, was revoked")
    session = Session.objects.filter(agent=agent, ended_at__isnull=True).first()
    if session is None or agent.observed != Observed.ONLINE:
        raise Conflict(f"agent {agent.name}, which holds the plan, is away: decide when it is back")
    return session.pk


def _keep(plan: Attempt, decision: Decision, *, is_approved: bool, now: datetime) -> None:
    digests = Artifact.objects.filter(attempt=plan, name=PLAN_ARTIFACT)
    PlanDecision.objects.create(
        attempt=plan,
        is_approved=is_approved,
        comment=decision.comment,
        person_id=decision.person.id,
        plan_sha256=digests.values_list("sha256", flat=True).first() or "",
        slot_id=plan.slot_id,
        decided_at=now,
    )
