"""Which life of a runner is the present one, and which slots does it bring?"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError, transaction

from agents.core import willingness
from agents.core.sessions import SessionSuperseded, SlotsDiffer
from agents.core.states import Desired, Observed, Sign, observed_after
from agents.models import Agent, AgentType, Session, Slot
from agents.services import generations
from agents.wire.messages import OpenSession
from k8s4r import database
from k8s4r.audit import attribution
from k8s4r.audit.attribution import Actor
from k8s4r.core.errors import Conflict, Forbidden, NotFound

BOOT_ID_CHARACTERS: Final = 64
VERSION_CHARACTERS: Final = 32

# A slot that comes back keeps its lane.
_MAKE_SLOTS: Final = """
INSERT INTO agents_slot (id, agent_id, index, lane, retired_at)
SELECT gen_random_uuid(), %(agent)s, i, 'general', NULL FROM generate_series(0, %(slots)s - 1) i
ON CONFLICT (agent_id, index) DO UPDATE SET retired_at = NULL
WHERE agents_slot.retired_at IS NOT NULL
"""
_RETIRE_SLOTS: Final = """
UPDATE agents_slot SET retired_at = %(now)s
WHERE agent_id = %(agent)s AND index >= %(slots)s AND retired_at IS NULL
"""


@dataclass(frozen=True, slots=True)
class Begun:
    """The agent, locked, in its open session of this generation of the database."""

    agent: Agent
    desired: Desired
    generation: int


def begin(agent_id: UUID, message: OpenSession, *, now: datetime) -> Begun:
    """Make this the agent's open session and its slots the agent's slots; the earlier one ends.

    An agent in a pod was made with its slots: none is added, and those that come back after a drain
    keep their lanes. The same session again only renews it. What the earlier session ran is the
    caller's business. A word of the same runner that a later one overtook (its server was stopped
    for a while) would name work as gone that has started since: it does not count. Expects a
    transaction.

    Locks: the agent.

    Raises:
        NotFound: there is no such agent.
        Forbidden: it was revoked or archived.
        SlotsDiffer: it was made with its slots, and offers another number.
        SessionSuperseded: a later session was opened since, so this one is over.
        Conflict: this session said something later already.
    """
    agent = Agent.objects.select_for_update(of=("self",), no_key=True).filter(pk=agent_id).first()
    if agent is None:
        raise NotFound(f"there is no agent {agent_id}")
    desired = Desired(agent.desired)
    if desired is Desired.REVOKED or agent.archived_at is not None:
        raise Forbidden(f"agent {agent_id} was revoked")
    if agent.type == AgentType.K8S:
        _check_slots(agent_id, message.slots)
    _renew_or_replace(agent, message, now=now)
    parameters = {"agent": agent_id, "slots": message.slots, "now": now}
    database.run(_MAKE_SLOTS, parameters)
    database.run(_RETIRE_SLOTS, parameters)
    _describe(agent, message, now=now)
    return Begun(agent, desired, generations.current())


@transaction.atomic
def complain(agent_id: UUID, reason: str, *, now: datetime) -> None:
    """Say that an agent cannot work as it is set up.

    Locks: the agent.
    """
    agent = Agent.objects.select_for_update(of=("self",), no_key=True).get(pk=agent_id)
    observed = observed_after(Observed(agent.observed), Sign.BROKEN)
    if (agent.observed, agent.observed_reason) == (observed, reason):
        return
    attribution.attribute(Actor("agent", str(agent_id)), cause="session_refused")
    agent.observed, agent.observed_reason, agent.changed_at = observed, reason, now
    agent.save(update_fields=["observed", "observed_reason", "changed_at"])


def _check_slots(agent_id: UUID, said: int) -> None:
    """Refuse another number than there is; an agent that drains offers none."""
    made = Slot.objects.filter(agent=agent_id).count()
    if said not in {0, made}:
        raise SlotsDiffer(said, made)


def _renew_or_replace(agent: Agent, message: OpenSession, *, now: datetime) -> None:
    facts = {
        "boot_id": message.boot_id[:BOOT_ID_CHARACTERS],
        "version": message.version[:VERSION_CHARACTERS],
        "slots": message.slots,
        "last_heartbeat_at": now,
        "said_at": message.sent_at,
        "settings_version": message.settings_version,
    }
    known = Session.objects.filter(pk=message.session).first()
    if known is None:
        Session.objects.filter(agent=agent, ended_at=None).update(ended_at=now)
        _create(agent, message, opened_at=now, **facts)
        return
    is_over = known.ended_at is not None and not generations.was_cut_off(known)
    if known.agent_id != agent.pk or is_over:
        raise SessionSuperseded(f"session {message.session} is over: begin another")
    if known.said_at is not None and message.sent_at < known.said_at:
        raise Conflict(f"session {message.session} has said something later already")
    Session.objects.filter(pk=known.pk).update(ended_at=None, **facts)


def _create(agent: Agent, message: OpenSession, **facts: Any) -> None:
    """Make the session's row, unless another agent takes its id in the same instant."""
    try:
        with transaction.atomic():
            Session.objects.create(id=message.session, agent=agent, **facts)
    except IntegrityError as error:
        raise SessionSuperseded(f"session {message.session} is another agent's") from error


def _describe(agent: Agent, message: OpenSession, *, now: datetime) -> None:
    """Keep what the runner says of itself; a session is a sign of life."""
    observed = observed_after(Observed(agent.observed), Sign.SEEN)
    not_now = willingness.present(message.not_now, now=now)
    said = {
        "not_now_reason": not_now.reason if not_now else "",
        "not_now_since": (agent.not_now_since or now) if not_now else None,
        "not_now_until": not_now.until if not_now else None,
        "observed": observed,
        "observed_reason": "",
        "capabilities": {**message.capabilities, "drivers": message.drivers},
        "device_info": message.device_info or agent.device_info,
    }
    changed = {field for field, value in said.items() if getattr(agent, field) != value}
    if not changed:
        return
    for field, value in said.items():
        setattr(agent, field, value)
    agent.changed_at = now
    agent.save(update_fields=[*changed, "changed_at"])
