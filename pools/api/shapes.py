"""What do pools, projects and tokens look like in JSON?"""

from typing import Any

from agents.models import Agent
from k8s4r.access.models import Project, Token
from pools.models import Pool


def pool(row: Pool) -> dict[str, Any]:
    """Return a pool."""
    return {
        "id": row.pk,
        "pool_id": row.pk,
        "name": row.name,
        "description": row.description,
        "pool_type": row.type,
        "project": row.project.name,
        "project_id": row.project_id,
        "strategy": row.strategy,
        "required_labels": row.required_labels,
        "max_concurrent": row.max_concurrent,
        "max_per_owner": row.max_per_owner,
        "paused": row.paused,
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
