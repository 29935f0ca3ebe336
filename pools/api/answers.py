"""What do answers about pools, projects and enrolment look like? `pools.api.shapes` makes them."""

from typing import Any
from uuid import UUID

import msgspec

from agents.core.states import Desired, Observed
from k8s4r.api.answers import Moment, Shape
from pools.api.gates import Day
from pools.api.pods_of_pools import PodsOfPool
from pools.core.gates import BarrierRule
from pools.models import PoolType, Strategy


class Window(Shape, frozen=True):
    """When no new work begins in a pool: from one time of day to another, in a timezone."""

    begins: str = msgspec.field(name="from")
    ends: str = msgspec.field(name="to")
    days: list[Day]
    timezone: str
    note: str
    mode: str


class Barrier(Shape, frozen=True):
    """What holds a whole pool; ``until`` null: until somebody ends it."""

    rule: BarrierRule
    since: Moment | None
    until: Moment | None
    note: str
    by: str


class Pool(Shape, frozen=True):
    """Where tasks wait for agents. ``shared_with`` and ``weights`` are by ids of projects."""

    id: UUID
    pool_id: UUID
    name: str
    description: str
    pool_type: PoolType
    project: str
    project_id: UUID
    selection_strategy: Strategy
    required_labels: dict[str, str]
    agent_ids: list[UUID]
    max_concurrent: int | None
    max_per_owner: int | None
    paused: bool
    paused_reason: str
    paused_by: str
    paused_at: Moment | None
    paused_until: Moment | None
    windows: list[Window]
    open_until: Moment | None
    held_by: list[Barrier]
    shared_with: list[str]
    weights: dict[str, float]
    k8s: PodsOfPool | None
    metadata: dict[str, Any]
    created_at: Moment
    changed_at: Moment


class PoolMember(Shape, frozen=True):
    """An agent as a member of a pool; `agents/{id}` has the rest."""

    id: UUID
    agent_id: UUID
    name: str
    desired: Desired
    observed: Observed
    labels: dict[str, str]


class Listed(Shape, frozen=True):
    """The agents that were put on the list of a static pool."""

    pool_id: UUID
    agent_ids: list[UUID]


class Project(Shape, frozen=True):
    """What tasks, agents and pools belong to."""

    id: UUID
    name: str
    description: str
    weight: float
    created_at: Moment


class EnrolmentToken(Shape, frozen=True):
    """A token with which agents register, without its text."""

    id: UUID
    key_id: str
    label: str
    project_id: UUID | None
    pool_id: UUID | None
    label_keys: list[str]
    max_uses: int | None
    uses: int
    created_at: Moment
    expires_at: Moment | None
    used_at: Moment | None
    revoked_at: Moment | None


class MintedEnrolmentToken(EnrolmentToken, frozen=True):
    """A new enrolment token; ``token`` is its text, shown this once."""

    token: str
