"""What do pools, projects and tokens look like in JSON?"""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from agents.models import Agent
from k8s4r.access.models import Project, Token
from pools import selectors
from pools.api import pods_of_pools
from pools.core.gates import Barrier
from pools.models import Pool


def pools(rows: Sequence[Pool], *, now: datetime) -> Callable[[Pool], dict[str, Any]]:
    """Return what shapes each of these pools: one query for any number."""
    listed = selectors.listed_agents(rows)
    return lambda row: _pool(row, listed.get(row.pk, []), now)


def pool(row: Pool, *, now: datetime) -> dict[str, Any]:
    """Return a pool."""
    return pools([row], now=now)(row)


def barrier(found: Barrier) -> dict[str, Any]:
    """Return what holds a pool; ``until`` null: until somebody ends it."""
    return asdict(found)


def _pool(row: Pool, listed: Sequence[UUID], now: datetime) -> dict[str, Any]:
    return {
        "id": row.pk,
        "pool_id": row.pk,
        "name": row.name,
        "description": row.description,
        "pool_type": row.type,
        "project": row.project.name,
        "project_id": row.project_id,
        "selection_strategy": row.strategy,
        "required_labels": row.required_labels,
        "agent_ids": listed,
        "max_concurrent": row.max_concurrent,
        "max_per_owner": row.max_per_owner,
        "paused": row.paused,
        "paused_reason": row.paused_reason,
        "paused_by": row.paused_by,
        "paused_at": row.paused_at,
        "paused_until": row.paused_until,
        "windows": row.windows,
        "open_until": row.open_until,
        "held_by": [barrier(one) for one in selectors.barriers(row, now=now)],
        "shared_with": row.shared_with,
        "weights": row.weights,
        "k8s": pods_of_pools.shape(row),
        "metadata": row.metadata,
        "created_at": row.created_at,
        "changed_at": row.changed_at,
    }


def member(row: Agent) -> dict[str, Any]:
    """Return an agent as a member of a pool; `/agents/{id}` has the rest."""
    return {
        "id": row.pk,
        "agent_id": row.pk,
        "name": row.name,
        "desired": row.desired,
        "observed": row.observed,
        "labels": row.labels,
    }


def project(row: Project) -> dict[str, Any]:
    """Return a project."""
    return {
        "id": row.pk,
        "name": row.name,
        "description": row.description,
        "weight": row.weight,
        "created_at": row.created_at,
    }


def enrolment(row: Token) -> dict[str, Any]:
    """Return an enrolment token; never its text."""
    return {
        "id": row.pk,
        "key_id": row.key_id,
        "label": row.label,
        "project_id": row.project_id,
        "pool_id": row.pool_id,
        "label_keys": row.label_keys,
        "max_uses": row.max_uses,
        "uses": row.uses,
        "created_at": row.created_at,
        "expires_at": row.expires_at,
        "used_at": row.used_at,
        "revoked_at": row.revoked_at,
    }
