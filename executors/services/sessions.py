"""What happens when a runner says hello: which of its work goes on, and which is lost?"""

from collections.abc import Collection
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
from executors.core.reunion import RESTORED, KnownAttempt, Reunion, reunite
from executors.models import Attempt
from executors.services import adoption, capacity, rows, transitions, wanting
from executors.services.rows import Locked
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

    Locks: the agent; then its pod; then the tasks of its current attempts, by pk; then the
    attempts, by pk.

    Raises:
        NotFound: there is no such agent.
        Forbidden: it was revoked or archived.
        SessionSuperseded: a later session was opened since.
    """
    attribution.attribute(Actor("agent", str(agent_id)), cause="session")
    begun = agent_sessions.begin(agent_id, message, now=now)
    if begun.agent.type == AgentType.K8S:
        pods.connected(agent_id, now=now)
    locked = rows.lock_current_of(agent_id)
    reunion = reunite(_known(locked), _listed(message.held, locked), session_id=message.session)
    _apply(reunion, locked, session_id=message.session, now=now)
    capacity.freed({agent_id})
    return SessionOpened(
        server_time=now,
        settings=Settings(heartbeat_s=policy.heartbeat.total_seconds()),
        generation=begun.generation,
        adopted=reunion.goes_on,
        directives=Directives(
            stop=_stops(message.held, reunion, locked),
            drain=begun.desired is Desired.DRAINING,
            paused=begun.desired is Desired.PAUSED,
            wanted=wanting.due(begun.agent, message.settings_version),
        ),
    )


def _known(locked: Locked) -> list[KnownAttempt]:
    doubted = [one.id for one in locked.attempts.values() if one.state is AttemptState.UNKNOWN]
    marked = Attempt.objects.filter(pk__in=doubted, reason=RESTORED)
    restored = set(marked.values_list("pk", flat=True))
    return [
        KnownAttempt(
            id=attempt.id,
            state=attempt.state,
            session_id=attempt.session_id,
            phase=locked.tasks[attempt.task_id].facts.phase,
            is_restored=attempt.id in restored,
        )
        for attempt in locked.attempts.values()
    ]


def _listed(held: Collection[Held], locked: Locked) -> frozenset[UUID]:
    """Return the attempts that the runner proves to have."""
    fence = Fence(settings.ATTEMPT_KEY)
    return frozenset(
        one.attempt
        for one in held
        if one.attempt in locked.attempts
        and fence.admits(one.token, one.attempt, locked.attempts[one.attempt].number)
    )


def _apply(reunion: Reunion, locked: Locked, *, session_id: UUID, now: datetime) -> None:
    transitions.rebind(reunion.goes_on, session_id=session_id, now=now)
    adoption.adopt([locked.attempts[one] for one in reunion.goes_on], now=now)
    adoption.doubt(reunion.unsure, locked, now=now)
    adoption.end(reunion.lost, AttemptEvent.LOST, locked, now=now)


def _stops(held: Collection[Held], reunion: Reunion, locked: Locked) -> list[Stop]:
    """Return what the runner is to stop: what is no longer its own, and what was asked before."""
    goes_on = frozenset(reunion.goes_on)
    stops = [Stop(attempt=one.attempt, reason=SUPERSEDED) for one in held
             if one.attempt not in goes_on]  # fmt: skip
    asked = [locked.attempts[one] for one in reunion.goes_on]
    return stops + [
        Stop(attempt=attempt.id, reason=str(attempt.stop_reason))
        for attempt in asked
        if attempt.state is AttemptState.STOPPING or attempt.stop_reason
    ]
