"""What do people want of an agent from now on?"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from agents import wakeups
from agents.core.states import Desired, Observed, Sign, Wish, desired_after, observed_after
from agents.models import Agent, AgentType
from k8s4r.access.services import tokens
from k8s4r.audit import attribution
from k8s4r.audit.attribution import Actor
from k8s4r.core.errors import IllegalTransition, NotFound

# What a wish consists of; it is written together.
_WISH: Final = ("desired", "desired_note", "desired_by", "desired_at", "desired_until")

# By which wish an agent gets where somebody wants it.
WISHES: Final[Mapping[Desired, Wish]] = {
    Desired.ACTIVE: Wish.RESUME,
    Desired.PAUSED: Wish.PAUSE,
    Desired.DRAINING: Wish.DRAIN,
    Desired.REVOKED: Wish.REVOKE,
}


@dataclass(frozen=True, slots=True)
class Said:
    """What goes with a wish: why, by whom, and until when (None: until resumed).

    Only a pause ends by itself.
    """

    note: str = ""
    by: str = ""
    until: datetime | None = None


NOTHING: Final = Said()


@transaction.atomic
def set_desired(
    agent_id: UUID, desired: Desired, *, actor: Actor, now: datetime, said: Said = NOTHING
) -> Agent:
    """Ask something of an agent; asking twice is a success, and the later note counts.

    From the commit on it gets no work unless it is active. What it runs goes on, also when it is
    revoked: its tokens end at once, and its work with its lease.

    Locks: the agent, so that nothing is assigned to it meanwhile.

    Raises:
        NotFound: there is no such agent.
        IllegalTransition: this cannot be asked of an agent in its state, or in a pod that goes.
    """
    agent = _lock(agent_id)
    after = desired_after(Desired(agent.desired), WISHES[desired])
    _check_pod(agent, after)
    if after == agent.desired and not _says_more(agent, said):
        return agent
    attribution.attribute(actor, cause=str(WISHES[desired]))
    _wish(agent, after, said, now=now)
    _save(agent, *_WISH, now=now)
    if after is Desired.REVOKED:
        tokens.revoke_agent(agent_id, now=now)
    return agent


def _check_pod(agent: Agent, after: Desired) -> None:
    """Refuse to bring an agent back whose pod goes: it may be deleted at any moment from now on."""
    if agent.type != AgentType.K8S or agent.desired != Desired.DRAINING:
        return
    if after not in {Desired.DRAINING, Desired.REVOKED}:
        raise IllegalTransition(
            f"agent {agent.name} is in a pod that goes once it is idle: its pool makes another"
        )


def ask_all(agents: QuerySet[Agent], desired: Desired, note: str, *, now: datetime) -> None:
    """Ask the same of many agents, for the platform itself; tells nobody, and ends no token.

    Expects a signed transaction, and the agents to be locked by the caller.
    """
    agents.update(
        desired=desired,
        desired_note=note,
        desired_by="",
        desired_at=now,
        desired_until=None,
        changed_at=now,
    )


@transaction.atomic
def end_pauses(*, now: datetime, limit: int) -> int:
    """Resume agents whose pause was given a time that is over; return how many.

    Locks: the agents, by pk, skipping what others hold.
    """
    over = Agent.objects.filter(
        desired=Desired.PAUSED, desired_until__lte=now, archived_at=None
    ).order_by("pk")
    locked = over.select_for_update(of=("self",), no_key=True, skip_locked=True)
    agents = list(locked[:limit])
    if agents:
        attribution.attribute(attribution.SYSTEM, cause="pause_over")
    for agent in agents:
        _wish(agent, Desired.ACTIVE, NOTHING, now=now)
        _save(agent, *_WISH, now=now)
    return len(agents)


@transaction.atomic
def end_refusals(*, now: datetime, limit: int) -> int:
    """Give work again to agents whose "not now" is over; return how many.

    An agent that is silent cannot say so itself.

    Locks: the agents, by pk, skipping what others hold.
    """
    over = Agent.objects.filter(not_now_until__lte=now, archived_at=None).order_by("pk")
    locked = over.select_for_update(of=("self",), no_key=True, skip_locked=True)
    agent_ids = [agent.pk for agent in locked[:limit]]
    if not agent_ids:
        return 0
    attribution.attribute(attribution.SYSTEM, cause="not_now_over")
    Agent.objects.filter(pk__in=agent_ids).update(
        not_now_reason="", not_now_since=None, not_now_until=None
    )
    wakeups.agents_changed(agent_ids)
    return len(agent_ids)


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


def _says_more(agent: Agent, said: Said) -> bool:
    """Is there a note or a time that the agent's row does not have yet?"""
    if not said.note and said.until is None:
        return False
    return (said.note, said.until) != (agent.desired_note, agent.desired_until)


def _wish(agent: Agent, desired: Desired, said: Said, *, now: datetime) -> None:
    if agent.desired != desired:
        agent.desired_at = now
    agent.desired = desired
    agent.desired_note, agent.desired_by, agent.desired_until = said.note, said.by, said.until


def _save(agent: Agent, *fields: str, now: datetime) -> None:
    agent.changed_at = now
    agent.save(update_fields=[*fields, "changed_at"])
    wakeups.agents_changed([agent.pk])
