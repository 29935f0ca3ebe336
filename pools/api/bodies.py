"""What do people send about pools, projects and enrolment tokens?"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, TypeAlias
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from k8s4r.access.principals import Principal
from k8s4r.core import labels as label_rules
from k8s4r.core import moments
from pools.api import gates, pods_of_pools
from pools.api.gates import Note, Weights, Windows
from pools.api.pods_of_pools import ChangedPods, PodsBody
from pools.models import PoolType, Strategy

Slug: TypeAlias = Annotated[
    str, Meta(min_length=1, max_length=63, pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")
]
Text: TypeAlias = Annotated[str, Meta(max_length=4096)]
Labels: TypeAlias = dict[str, str] | list[str]
Count: TypeAlias = Annotated[int, Meta(ge=1, le=2**31 - 1)]
Reference: TypeAlias = Annotated[str, Meta(min_length=1, max_length=63)]


Agents: TypeAlias = Annotated[list[UUID], Meta(max_length=1000)]
Projects: TypeAlias = Annotated[list[Reference], Meta(max_length=1000)]


class ReplacedPool(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``PUT agent-pools/{id}``: what is left out becomes the default again, but for the members.

    ``max_concurrent`` None: no limit. ``shared_with`` and ``weights`` name projects by name or id.
    """

    name: Slug
    pool_type: PoolType = PoolType.DYNAMIC
    selection_strategy: Strategy = Strategy.LEAST_BUSY
    description: Text = ""
    required_labels: Labels = {}
    agent_ids: Agents | UnsetType = UNSET
    max_concurrent: Count | None = None
    max_per_owner: Count | None = None
    paused: bool = False
    paused_reason: Note = ""
    paused_until: datetime | None = None
    windows: Windows = []
    open_until: datetime | None = None
    shared_with: Projects = []
    weights: Weights = {}
    k8s: PodsBody | None = None
    metadata: dict[str, Any] = {}


class NewPool(ReplacedPool, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``POST agent-pools``."""

    project: Reference = "default"


class ChangedPool(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``PATCH agent-pools/{id}``: what is left out stays."""

    name: Slug | UnsetType = UNSET
    pool_type: PoolType | UnsetType = UNSET
    selection_strategy: Strategy | UnsetType = UNSET
    description: Text | UnsetType = UNSET
    required_labels: Labels | UnsetType = UNSET
    agent_ids: Agents | UnsetType = UNSET
    max_concurrent: Count | UnsetType | None = UNSET
    max_per_owner: Count | UnsetType | None = UNSET
    paused: bool | UnsetType = UNSET
    paused_reason: Note | UnsetType = UNSET
    paused_until: datetime | UnsetType | None = UNSET
    windows: Windows | UnsetType = UNSET
    open_until: datetime | UnsetType | None = UNSET
    shared_with: Projects | UnsetType = UNSET
    weights: Weights | UnsetType = UNSET
    k8s: ChangedPods | UnsetType | None = UNSET
    metadata: dict[str, Any] | UnsetType = UNSET


class Members(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``POST agent-pools/{id}/agents``: one agent, or several."""

    agent_id: UUID | None = None
    agent_ids: Agents = []


class NewProject(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``POST projects``."""

    name: Slug
    description: Text = ""
    weight: Annotated[float, Meta(gt=0, le=1e6)] = 1.0


class ReplacedProject(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``PUT projects/{id}``: what is left out becomes the default again."""

    description: Text = ""
    weight: Annotated[float, Meta(gt=0, le=1e6)] = 1.0


class ChangedProject(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``PATCH projects/{id}``: what is left out stays."""

    description: Text | UnsetType = UNSET
    weight: Annotated[float, Meta(gt=0, le=1e6)] | UnsetType = UNSET


class NewEnrolment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``POST enrolment-tokens``: good for one agent within 15 minutes unless told otherwise.

    With ``pool`` its agents may work at once; without, each waits for approval. ``label_keys``
    are the labels an agent may ask for.
    """

    project: Reference = "default"
    pool: Reference | None = None
    label: Annotated[str, Meta(max_length=200)] = ""
    label_keys: Annotated[list[str], Meta(max_length=64)] = []
    max_uses: Count | None = 1
    expires_at: datetime | UnsetType | None = UNSET


_COLUMNS: Mapping[str, str] = {"pool_type": "type", "selection_strategy": "strategy"}


def given(body: ReplacedProject | ChangedProject) -> dict[str, Any]:
    """Return the columns of a project that a body gives."""
    return {
        name: value for name, value in msgspec.structs.asdict(body).items() if value is not UNSET
    }


def columns(
    body: ReplacedPool | ChangedPool, principal: Principal, *, now: datetime
) -> dict[str, Any]:
    """Return the columns of a pool that a body gives, and as ``agent_ids`` and ``k8s`` the rest.

    Raises:
        Invalid: a label, a time, a timezone or a project breaks a rule.
    """
    given = {
        _COLUMNS.get(name, name): value
        for name in body.__struct_fields__
        if (value := getattr(body, name)) is not UNSET and name != "project"
    }
    if "k8s" in given:
        given["k8s"] = pods_of_pools.given(given["k8s"])
    if "required_labels" in given:
        given["required_labels"] = label_rules.read(given["required_labels"], at="/required_labels")
    for name in given.keys() & {"paused_until", "open_until"}:
        given[name] = given[name] and moments.to_come(given[name], name, now=now)
    if "windows" in given:
        given["windows"] = gates.stored_windows(given["windows"])
    if "shared_with" in given:
        given["shared_with"] = gates.shared(given["shared_with"], principal)
    if "weights" in given:
        given["weights"] = gates.weighed(given["weights"], principal)
    return given
