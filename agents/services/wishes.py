"""What do people want of an agent from now on?"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import transaction

from agents import wakeups
from agents.core.states import Desired, Observed, Sign, Wish, desired_after, observed_after
from agents.models import Agent
from k8s4r.access.services import tokens
from k8s4r.audit import attribution
from k8s4r.audit.attribution import Actor
from k8s4r.core.errors import NotFound

# By which wish an agent gets where somebody wants it.
WISHES: Final[Mapping[Desired, Wish]] = {
    Desired.ACTIVE: Wish.RESUME,
    Desired.PAUSED: Wish.PAUSE,
    Desired.DRAINING: Wish.DRAIN,
    Desired.REVOKED: Wish.REVOKE,
}


@transaction.atomic
def set_desired(agent_id: UUID, desired: Desired, *, actor: Actor, now: datetime) -> Agent:
    """Ask something of an agent; asking twice is a success.

    From the commit on it gets no work unless it is active. What it runs goes on, also when it is
    revoked: its tokens end at once, and its work with its lease.

    Locks: the agent, so that nothing is assigned to it meanwhile.

    Raises:
        NotFound: there is no such agent.
        IllegalTransition: this cannot be asked of an agent in its state.
    """
    agent = _lock(agent_id)
    after = desired_after(Desired(agent.desired), WISHES[desired])
    if after == agent.desired:
        return agent
    attribution.attribute(actor, cause=str(WISHES[desired]))
    agent.desired = after
    _save(agent, "desired", now=now)
    if after is Desired.REVOKED:
        tokens.revoke_agent(agent_id, now=now)
    return agent


@transaction.atomic
def approve(agent_id: UUID, *, actor: Actor, now: datetime) -> Agent:
    """Let an agent work that enrolled itself; approving twice is a success.

    Locks: the agent.

    Raises:
        NotFound: there is no such agent.
    """
    agent = _lock(agent_id)
    after = observed_after(Observed(agent.observed), Sign.APPROVED)
    if after == agent.observed:
        return agent
    attribution.attribute(actor, cause="approve")
    agent.observed = after
    _save(agent, "observed", now=now)
    return agent


@transaction.atomic
def archive(agent_id: UUID, *, actor: Actor, now: datetime) -> Agent:
    """Let an agent go for good: revoked, out of every list, and its name is free again.

    What it runs ends with its lease.

    Locks: the agent.

    Raises:
        NotFound: there is no such agent, or it was archived before.
    """
    agent = _lock(agent_id)
    attribution.attribute(actor, cause="archive")
    agent.desired = desired_after(Desired(agent.desired), Wish.REVOKE)
    agent.archived_at = agent.changed_at = now
    agent.save(update_fields=["desired", "archived_at", "changed_at"])
    tokens.revoke_agent(agent_id, now=now)
    return agent


def _lock(agent_id: UUID) -> Agent:
    locked = Agent.objects.select_for_update(of=("self",), no_key=True)
    agent = locked.filter(pk=agent_id, archived_at=None).first()
    if agent is None:
        raise NotFound(f"there is no agent {agent_id}")
    return agent


def _save(agent: Agent, field: str, *, now: datetime) -> None:
    agent.changed_at = now
    agent.save(update_fields=[field, "changed_at"])
    wakeups.agents_changed([agent.pk])
