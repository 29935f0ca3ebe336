"""How do people change what an agent is called and carries, and replace its token?"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from agents import wakeups
from agents.core.states import Desired
from agents.models import Agent, AgentType
from agents.services import minting
from k8s4r.access.models import OF_AGENTS, Token
from k8s4r.access.services import tokens
from k8s4r.access.services.tokens import Minted
from k8s4r.audit import attribution
from k8s4r.audit.attribution import Actor
from k8s4r.core.errors import Conflict, FieldProblem, IllegalTransition, Invalid, NotFound


@dataclass(frozen=True, slots=True)
class Merge:
    """Settings to set, or (None) to leave to the agent again; the others stay."""

    settings: Mapping[str, Any]

    def into(self, present: Mapping[str, Any]) -> dict[str, Any]:
        """Return the settings that follow."""
        after = {**present, **self.settings}
        return {name: value for name, value in after.items() if value is not None}


@transaction.atomic
def change(
    agent_id: UUID,
    changes: Mapping[str, Any],
    *,
    actor: Actor,
    now: datetime,
    cause: str = "change_agent",
) -> Agent:
    """Change columns of an agent; its labels decide what it may get from now on.

    A `Merge` changes some settings, a map replaces them all. What flows down to the agent makes a
    new version, which it fetches with its next word.

    Locks: the agent.

    Raises:
        NotFound: there is no such agent.
        Invalid: it is in a pod and stays so, with its slots; any other agent never gets there.
        Conflict: its project has another agent of this name.
    """
    agent = locked(agent_id)
    _check_type(agent, changes.get("type", agent.type))
    _check_slots(agent, changes.get("settings"))
    before = agent.settings, agent.labels
    attribution.attribute(actor, cause=cause)
    for column, value in changes.items():
        setattr(agent, column, value.into(agent.settings) if isinstance(value, Merge) else value)
    if (agent.settings, agent.labels) != before:
        agent.settings_version += 1
    agent.changed_at = now
    try:
        with transaction.atomic():
            agent.save(update_fields=[*changes, "settings_version", "changed_at"])
    except IntegrityError as error:
        raise Conflict(f"the project has another agent named {agent.name}") from error
    wakeups.agents_changed([agent.pk])
    return agent


@transaction.atomic
def replace_token(agent_id: UUID, *, actor: Actor, now: datetime) -> Minted:
    """Make a new token; those the agent has end when it is used.

    Locks: the agent.

    Raises:
        NotFound: there is no such agent.
        IllegalTransition: the agent is revoked, and stays so.
    """
    agent = _good(agent_id)
    attribution.attribute(actor, cause="replace_token")
    present = Token.objects.filter(kind__in=OF_AGENTS, subject=agent_id, revoked_at=None)
    newest = present.order_by("-created_at", "-id").first()
    return minting.mint(agent, supersedes=newest, now=now)


@transaction.atomic
def renew_token(agent_id: UUID, *, actor: Actor, now: datetime) -> Minted:
    """Make a new token and end at once those the agent has.

    Locks: the agent.

    Raises:
        NotFound: there is no such agent.
        IllegalTransition: the agent is revoked, and stays so.
    """
    agent = _good(agent_id)
    attribution.attribute(actor, cause="renew_token")
    tokens.revoke_agent(agent_id, now=now)
    return minting.mint(agent, now=now)


@transaction.atomic
def rotate_token(agent_id: UUID, *, actor: Actor, now: datetime) -> None:
    """Give the agent a new token with its next heartbeat.

    Locks: the agent.

    Raises:
        NotFound: there is no such agent.
        IllegalTransition: the agent is revoked, and stays so.
    """
    _good(agent_id)
    attribution.attribute(actor, cause="rotate_token")
    tokens.flag_rotation(agent_id, now=now)


def _check_type(agent: Agent, asked: str) -> None:
    """Let `AgentType.K8S` mean that there is a pod."""
    if (asked == AgentType.K8S) == (agent.type == AgentType.K8S):
        return
    place = "in a pod" if agent.type == AgentType.K8S else "in no pod"
    text = f"agent {agent.name} is {place}, so it is {agent.type} and stays that"
    raise Invalid(text, errors=[FieldProblem("/agent_type", "fixed", text)])


def _check_slots(agent: Agent, settings: Merge | Mapping[str, Any] | None) -> None:
    """Leave the slots of a pod as they are: it is made with them."""
    asked = settings.settings if isinstance(settings, Merge) else settings or {}
    if asked.get("slots") is not None and agent.type == AgentType.K8S:
        text = f"agent {agent.name} is in a pod, which is made with its slots"
        raise Invalid(text, errors=[FieldProblem("/slots", "fixed", text)])


def _good(agent_id: UUID) -> Agent:
    agent = locked(agent_id)
    if agent.desired == Desired.REVOKED:
        raise IllegalTransition(f"agent {agent.name} is revoked: make another one")
    return agent


def locked(agent_id: UUID) -> Agent:
    """Return an agent, locked until the transaction ends.

    Raises:
        NotFound: there is none, or it is let go.
    """
    rows = Agent.objects.select_for_update(of=("self",), no_key=True)
    agent = rows.filter(pk=agent_id, archived_at=None).first()
    if agent is None:
        raise NotFound(f"there is no agent {agent_id}")
    return agent
