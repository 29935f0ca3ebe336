"""What happens when a runner says hello: which of its work goes on, and which is lost?"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import transaction

from agents.core.states import Desired
from agents.models import AgentType
from agents.services import sessions as agent_sessions
from agents.wire.messages import (
    Directives,
    Held,
    OpenSession,
    SessionOpened,
    Stop,
)
from agents.wire.settings import Settings
from executors.core.fences import Fence
from executors.core.leases import LeasePolicy
from executors.core.lifecycle import AttemptEvent, AttemptState
from executors.core.reunion import Reunion, reunite
from executors.services import (
    adoption,
    capacity,
    drift,
    order_statements,
    rows,
    transitions,
    wanting,
)
from executors.services.rows import Locked
from k8s4r import database
from k8s4r.audit import attribution
from k8s4r.audit.attribution import Actor
from pools.services import pods

SUPERSEDED = "superseded"


@transaction.atomic
def open(
    agent_id: UUID, message: OpenSession, *, now: datetime, policy: LeasePolicy
) -> SessionOpened:
    """Begin or renew an agent's session and reunite what it runs with what we know.

    A runner ends what an earlier one left before it says hello: what it does not list is gone, so
    it may start elsewhere at once. The same session again is the same life: an order that it does
    not list is still on its way.

    Locks: the agent; its pod; then the tasks of its current attempts, by pk; then the attempts,
    by pk.

    Raises:
        NotFound: there is no such agent.
        Forbidden: it was revoked or archived.
        SlotsDiffer: it is in a pod, and offers another number of slots than that has.
        SessionSuperseded: a later session was opened since.
    """
    attribution.attribute(Actor("agent", str(agent_id)), cause="session")
    begun = agent_sessions.begin(agent_id, message, now=now)
    if begun.agent.type == AgentType.K8S:
        pods.connected(agent_id, now=now)
    locked = rows.lock_current_of(agent_id)
    plans = _plans(locked)
    listed = _listed(message.held, _numbers(locked, plans))
    known = adoption.known(
        locked.attempts.values(), locked, {apply_id: plan.id for apply_id, plan in plans.items()}
    )
    reunion = reunite(known, listed, session_id=message.session)
    _apply(reunion, locked, session_id=message.session, now=now)
    drift.note(agent_id, message.held, locked)
    capacity.freed({agent_id})
    return SessionOpened(
        server_time=now,
        settings=Settings(heartbeat_s=policy.heartbeat.total_seconds()),
        generation=begun.generation,
        adopted=reunion.goes_on,
        directives=Directives(
            stop=_stops(message.held, reunion, locked, plans),
            drain=begun.desired is Desired.DRAINING,
            paused=begun.desired is Desired.PAUSED,
            wanted=wanting.due(begun.agent, message.settings_version),
        ),
    )


@dataclass(frozen=True, slots=True)
class _Plan:
    """The attempt whose plan an apply is for, which has ended."""

    id: UUID
    number: int


def _plans(locked: Locked) -> dict[UUID, _Plan]:
    """Return the plans of the applies that are ordered, by the applies."""
    ordered = [one.id for one in locked.attempts.values() if one.state is AttemptState.ASSIGNED]
    if not ordered:
        return {}
    found = database.rows(order_statements.PLANS, [ordered])
    return {apply_id: _Plan(plan_id, number) for apply_id, plan_id, number in found}


def _numbers(locked: Locked, plans: Mapping[UUID, _Plan]) -> dict[UUID, int]:
    """Return the number, which its token proves, of each attempt that may be listed."""
    current = {one.id: one.number for one in locked.attempts.values()}
    return current | {plan.id: plan.number for plan in plans.values()}


def _listed(held: Collection[Held], numbers: Mapping[UUID, int]) -> frozenset[UUID]:
    """Return the attempts that the runner proves to have."""
    fence = Fence(settings.ATTEMPT_KEY)
    return frozenset(
        one.attempt
        for one in held
        if one.attempt in numbers and fence.admits(one.token, one.attempt, numbers[one.attempt])
    )


def _apply(reunion: Reunion, locked: Locked, *, session_id: UUID, now: datetime) -> None:
    transitions.rebind([*reunion.goes_on, *reunion.due], session_id=session_id, now=now)
    adoption.adopt([locked.attempts[one] for one in reunion.goes_on], now=now)
    adoption.trust(reunion.goes_on, locked)
    adoption.doubt(reunion.unsure, locked, now=now)
    adoption.end(reunion.lost, AttemptEvent.LOST, locked, now=now)


def _stops(
    held: Collection[Held], reunion: Reunion, locked: Locked, plans: Mapping[UUID, _Plan]
) -> list[Stop]:
    """Return what the runner is to stop: what is no longer its own, and what was asked before.

    A plan whose apply is ordered is not over for the runner: the order is on its way.
    """
    kept = frozenset(reunion.goes_on) | {plan.id for plan in plans.values()}
    stops = [Stop(attempt=one.attempt, reason=SUPERSEDED) for one in held
             if one.attempt not in kept]  # fmt: skip
    asked = [locked.attempts[one] for one in reunion.goes_on]
    return stops + [
        Stop(attempt=attempt.id, reason=str(attempt.stop_reason))
        for attempt in asked
        if attempt.state is AttemptState.STOPPING or attempt.stop_reason
    ]
