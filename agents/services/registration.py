"""How does an agent come to be, or get its first token?

A person makes it, or it enrols itself with a token for that. One in a pod is there before its pod
is: it gets a token once its cluster vouched for the pod.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from agents.core.states import Desired, Observed
from agents.models import Agent, AgentType, Session
from agents.services import minting
from agents.wire.messages import Register, Registered
from k8s4r.access.models import Token
from k8s4r.access.principals import Principal, PrincipalKind
from k8s4r.access.services import tokens
from k8s4r.access.services.tokens import Minted
from k8s4r.audit import attribution
from k8s4r.audit.attribution import Actor
from k8s4r.core import labels as label_rules
from k8s4r.core.errors import Conflict, Forbidden, Unauthenticated

# Where an agent remembers which enrolment made it, and which labels it asked for.
ENROLMENT = "enrolment"
ASKED_LABELS = "asked_labels"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAgent:
    """What an agent is made of."""

    project_id: UUID
    name: str
    description: str = ""
    type: AgentType = AgentType.REMOTE
    endpoint: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    capabilities: Mapping[str, Any] = field(default_factory=dict)
    device_info: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Created:
    """A new agent and its token, whose text nobody can read again."""

    agent: Agent
    token: Minted


@transaction.atomic
def create(new: NewAgent, *, actor: Actor, now: datetime) -> Created:
    """Make an agent in a person's name; its token is for the machine it will run on.

    Raises:
        Invalid: a label breaks a rule.
        Conflict: the project has an agent of that name.
    """
    attribution.attribute(actor, cause="create_agent")
    return _make(new, observed=Observed.OFFLINE, now=now)


@transaction.atomic
def register(principal: Principal, message: Register, *, now: datetime) -> Registered:
    """Let a machine enrol itself.

    A token that names a pool says where the machine is trusted to work: it may begin at once. With
    any other it waits for a person's approval. Its labels count as far as the token lists their
    keys; the others are only remembered. The same name again gets a new token as long as no runner
    of it ever said hello: the answer to its first try was lost.

    Locks: the enrolment token.

    Raises:
        Forbidden: the caller is no enrolment, or its token is used up.
        Invalid: a label breaks a rule.
        Conflict: the project has another agent of that name.
    """
    if principal.kind is not PrincipalKind.ENROLMENT:
        raise Forbidden("only an enrolment token registers agents")
    token = Token.objects.select_for_update(of=("self",), no_key=True).get(pk=principal.token_id)
    attribution.attribute(principal.actor, cause="register_agent")
    again = _unfinished(token, message.name)
    if again is not None:
        tokens.revoke_agent(again.pk, now=now)
        return _registered(Created(again, minting.mint(again, now=now)))
    if token.max_uses is not None and token.uses >= token.max_uses:
        raise Forbidden("this enrolment token is used up")
    Token.objects.filter(pk=token.pk).update(uses=token.uses + 1)
    observed = Observed.PENDING if token.pool_id is None else Observed.OFFLINE
    return _registered(_make(_enrolled(token, message), observed=observed, now=now))


def admit(agent_id: UUID, *, now: datetime) -> Registered:
    """Give the agent of a pod its token; those it had end.

    Short-lived: heartbeats replace it while the pod is there. Expects a transaction that is signed,
    by whoever knows that the pod is the one it claims to be.

    Locks: the agent.

    Raises:
        Unauthenticated: the agent was revoked or let go.
    """
    rows = Agent.objects.select_for_update(of=("self",), no_key=True)
    agent = rows.filter(pk=agent_id, type=AgentType.K8S, archived_at=None).first()
    if agent is None or agent.desired == Desired.REVOKED:
        raise Unauthenticated("this token is not valid")
    tokens.revoke_agent(agent_id, now=now)
    return _registered(Created(agent, minting.mint(agent, now=now)))


def _unfinished(token: Token, name: str) -> Agent | None:
    """Return the agent that this token made under this name, if no runner ever had it."""
    agent = Agent.objects.filter(
        project=token.project,
        name=name,
        archived_at=None,
        metadata__contains={ENROLMENT: str(token.pk)},
    ).first()
    if agent is None or Session.objects.filter(agent=agent).exists():
        return None
    return agent


def _enrolled(token: Token, message: Register) -> NewAgent:
    assert token.project_id is not None, "an enrolment token belongs to a project"
    any_label = tokens.ANY_LABEL in token.label_keys
    allowed = {
        key: value for key, value in message.labels.items() if any_label or key in token.label_keys
    }
    return NewAgent(
        project_id=token.project_id,
        name=message.name,
        labels=allowed,
        capabilities=message.capabilities,
        device_info=message.device_info,
        metadata={ENROLMENT: str(token.pk), ASKED_LABELS: message.labels},
    )


def _make(new: NewAgent, *, observed: Observed, now: datetime) -> Created:
    label_rules.check(new.labels)
    try:
        with transaction.atomic():
            agent = Agent.objects.create(
                project_id=new.project_id,
                name=new.name,
                description=new.description,
                type=new.type,
                endpoint=new.endpoint,
                observed=observed,
                labels=dict(new.labels),
                settings_version=1 if new.labels else 0,
                capabilities=dict(new.capabilities),
                device_info=dict(new.device_info),
                metadata=dict(new.metadata),
                created_at=now,
                changed_at=now,
            )
    except IntegrityError as error:
        raise Conflict(f"the project has an agent named {new.name}") from error
    return Created(agent, minting.mint(agent, now=now))


def _registered(created: Created) -> Registered:
    expires_at = created.token.token.expires_at
    assert expires_at is not None, "agent tokens expire"
    return Registered(
        id=created.agent.pk,
        token=created.token.text,
        token_expires_at=expires_at,
        status=str(created.agent.observed),
    )
