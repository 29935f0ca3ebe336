"""What do answers about agents look like? See `agents.api.shapes`, which makes them."""

from typing import Any
from uuid import UUID

from msgspec import UNSET, UnsetType

from agents.core.states import Desired, Observed
from agents.models import AgentType
from k8s4r.access.selectors import Rotation
from k8s4r.api.answers import Moment, Shape


class Slots(Shape, frozen=True):
    """How many attempts an agent may run at once, and how many more it could begin now."""

    total: int
    idle: int


class NotNow(Shape, frozen=True):
    """Why an agent asks for no work, since when, and until when if it knows."""

    reason: str
    since: Moment
    until: Moment | None


class Standing(Shape, frozen=True):
    """How an agent stands: one word, and what people want of it beside what is seen of it.

    Settings flow down in versions: ``settings_applied`` is the one that the runner goes by.
    ``token_expires_at`` is when the last of its tokens ends, null when it has none. Totals are of
    tasks that ended on it: completed is a success, failed and timed out is failed.
    """

    id: UUID
    agent_id: UUID
    name: str
    status: str
    desired: Desired
    desired_note: str
    desired_by: str
    desired_at: Moment | None
    desired_until: Moment | None
    observed: Observed
    reason: str
    not_now: NotNow | None
    last_heartbeat_at: Moment | None
    token_expires_at: Moment | None
    slots: Slots
    settings_version: int
    settings_applied: int
    total_tasks: int
    success_tasks: int
    failed_tasks: int


class AgentStatus(Standing, frozen=True):
    """How an agent stands, what it runs, and how far the rotation of its token is.

    ``safe``: it runs nothing and gets nothing, so the machine may be switched off.
    """

    running: int
    safe: bool
    rotation: Rotation


class ListedAgent(Standing, frozen=True):
    """An agent as one of many."""

    description: str
    agent_type: AgentType
    endpoint: str
    project: str
    project_id: UUID
    labels: dict[str, str]
    capabilities: dict[str, Any]
    metadata: dict[str, Any]
    created_at: Moment
    changed_at: Moment


class Settings(Shape, frozen=True):
    """What people set for an agent; what is left out the agent decides."""

    slots: int | UnsetType = UNSET
    log_level: str | UnsetType = UNSET
    heartbeat_s: float | UnsetType = UNSET


class Agent(ListedAgent, frozen=True):
    """An agent with what its machine is like, and the settings that flow down to it."""

    settings: Settings
    device_info: dict[str, Any]


class NewAgent(Agent, frozen=True):
    """A new agent; ``token`` is the text of its token, shown this once."""

    token: str


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
