"""How does a pool come to be, change and end, and who is listed in it?"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction

from agents.models import Agent
from k8s4r.access.models import Project
from k8s4r.access.principals import Principal
from k8s4r.audit import attribution
from k8s4r.audit.attribution import Actor
from k8s4r.core.errors import Conflict, FieldProblem, Invalid, NotFound, pointer
from k8s4r.core.roles import Permission
from pools import selectors
from pools.models import Membership, Pool, PoolType


@transaction.atomic
def create(
    name: str, *, project: Project, now: datetime, actor: Actor | None = None, **columns: Any
) -> Pool:
    """Make a pool; ``columns`` are those of `Pool`.

    Without an actor in a transaction that is signed already.

    Raises:
        Conflict: the project has a pool of this name.
    """
    if actor is not None:
        attribution.attribute(actor, cause="create_pool")
    try:
        with transaction.atomic():
            return Pool.objects.create(
                name=name, project=project, created_at=now, changed_at=now, **columns
            )
    except IntegrityError as error:
        raise Conflict(f"project {project.name} has a pool {name}") from error


@transaction.atomic
def change(
    pool_id: UUID,
    changes: Mapping[str, Any],
    *,
    principal: Principal,
    now: datetime,
    cause: str = "change_pool",
) -> Pool:
    """Change columns of a pool; ``cause`` is what its event names.

    Locks: the pool.

    Raises:
        NotFound: there is no such pool for the caller.
        Forbidden: the caller may see the pool, and no more.
        Conflict: its project has another pool of this name, or it is the default pool, whose name
            and rule of membership stay.
    """
    row = _locked(pool_id, principal)
    if row.name == selectors.DEFAULT and _unsettles_default(row, changes):
        raise Conflict("the default pool keeps its name and takes every agent of its project")
    attribution.attribute(principal.actor, cause=cause)
    for column, value in changes.items():
        setattr(row, column, value)
    row.changed_at = now
    try:
        with transaction.atomic():
            row.save(update_fields=[*changes, "changed_at"])
    except IntegrityError as error:
        raise Conflict(f"its project has another pool {row.name}") from error
    return row


@transaction.atomic
def archive(pool_id: UUID, *, principal: Principal, now: datetime) -> None:
    """End a pool: it takes no new tasks; those it has still run.

    Locks: the pool.

    Raises:
        NotFound: there is no such pool for the caller.
        Forbidden: the caller may see the pool, and no more.
        Conflict: a project keeps its default pool.
    """
    row = _locked(pool_id, principal)
    if row.name == selectors.DEFAULT:
        raise Conflict("a project keeps its default pool")
    attribution.attribute(principal.actor, cause="archive_pool")
    row.archived_at = row.changed_at = now
    row.save(update_fields=["archived_at", "changed_at"])


@transaction.atomic
def add_agents(
    pool_id: UUID, agent_ids: Sequence[UUID], *, principal: Principal, now: datetime
) -> Pool:
    """List agents in a static pool; who is listed already stays.

    Locks: the pool.

    Raises:
        NotFound: there is no such pool for the caller.
        Forbidden: the caller may see the pool, and no more.
        Conflict: a dynamic pool finds its members by labels.
        Invalid: names agents that the pool's project does not have.
    """
    row = _static(pool_id, principal)
    known = set(
        Agent.objects.filter(
            pk__in=agent_ids, project_id=row.project_id, archived_at=None
        ).values_list("pk", flat=True)
    )
    unknown = [
        FieldProblem(pointer("agent_ids", index), "unknown", f"no agent {agent_id} in its project")
        for index, agent_id in enumerate(agent_ids)
        if agent_id not in known
    ]
    if unknown:
        raise Invalid("some agents cannot be added", errors=unknown)
    attribution.attribute(principal.actor, cause="add_agents")
    Membership.objects.bulk_create(
        [Membership(pool=row, agent_id=agent_id, added_at=now) for agent_id in sorted(known)],
        ignore_conflicts=True,
    )
    return row


@transaction.atomic
def remove_agent(pool_id: UUID, agent_id: UUID, *, principal: Principal) -> None:
    """Take an agent off the list of a static pool; what it runs it goes on with.

    Locks: the pool.

    Raises:
        NotFound: there is no such pool for the caller, or the agent is not listed in it.
        Forbidden: the caller may see the pool, and no more.
        Conflict: a dynamic pool finds its members by labels.
    """
    row = _static(pool_id, principal)
    attribution.attribute(principal.actor, cause="remove_agent")
    removed, _ = Membership.objects.filter(pool=row, agent_id=agent_id).delete()
    if not removed:
        raise NotFound(f"no agent {agent_id} in pool {row.name}")


def _static(pool_id: UUID, principal: Principal) -> Pool:
    row = _locked(pool_id, principal)
    if row.type != PoolType.STATIC:
        raise Conflict(f"pool {row.name} is dynamic: it finds its members by their labels")
    return row


def _locked(pool_id: UUID, principal: Principal) -> Pool:
    rows = selectors.pools(principal).select_for_update(of=("self",), no_key=True)
    row = rows.filter(pk=pool_id).first()
    if row is None:
        raise NotFound(f"no pool {pool_id}")
    principal.require(Permission.FLEET_WRITE, row.project_id)
    return row


def _unsettles_default(row: Pool, changes: Mapping[str, Any]) -> bool:
    kept = ("name", "type", "required_labels")
    return any(column in changes and changes[column] != getattr(row, column) for column in kept)
