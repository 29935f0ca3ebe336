"""What do answers about agents look like? See `agents.api.shapes`, which makes them."""

from typing import Any
from uuid import UUID

from agents.core.states import Desired, Observed
from agents.models import AgentType
from k8s4r.api.answers import Moment, Shape


class Slots(Shape, frozen=True):
    """How many attempts an agent may run at once, and how many more it could begin now."""

    total: int
    idle: int


class AgentStatus(Shape, frozen=True):
    """How an agent stands: one word, and what people want of it beside what is seen of it."""

    id: UUID
    agent_id: UUID
    name: str
    status: str
    desired: Desired
    observed: Observed
    reason: str
    last_seen_at: Moment | None
    slots: Slots


class ListedAgent(AgentStatus, frozen=True):
    """An agent as one of many."""

    description: str
    agent_type: AgentType
    project: str
    project_id: UUID
    labels: dict[str, str]
    capabilities: dict[str, Any]
    metadata: dict[str, Any]
    created_at: Moment
    changed_at: Moment


class Agent(ListedAgent, frozen=True):
    """An agent with what its machine is like."""

    device_info: dict[str, Any]


class NewAgent(Agent, frozen=True):
    """A new agent; ``token`` is the text of its token, shown this once."""

    token: str
    token_expires_at: Moment | None


class AgentToken(Shape, frozen=True):
    """A new token of an agent; its text is shown this once."""

    id: UUID
    agent_id: UUID
    token: str
    token_expires_at: Moment | None


class Rotating(Shape, frozen=True):
    """The agent fetches its new token with its next heartbeat."""

    id: UUID
    rotating: bool
