"""Which pools are there, and who is in them? Reads only."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.db.models import QuerySet

from agents.models import Agent
from k8s4r import database
from k8s4r.access.principals import Principal
from k8s4r.core.errors import NotFound
from k8s4r.core.roles import Permission
from pools.models import Membership, Pool, PoolType

DEFAULT: Final = "default"


@dataclass(frozen=True, slots=True)
class PoolName:
    """How a request names a pool: a project and a pool in it, each by name or id."""

    project: str
    pool: str


@dataclass(frozen=True, slots=True)
class PoolPlace:
    """Where a named pool is."""

    id: UUID
    name: str
    project_id: UUID
    project_name: str


def pools(principal: Principal) -> QuerySet[Pool]:
    """Return the pools that exist for the caller, with their projects, by name."""
    rows = Pool.objects.filter(archived_at=None).select_related("project").order_by("name", "id")
    seen = principal.projects(Permission.FLEET_READ)
    return rows if seen is None else rows.filter(project_id__in=seen)


def pool(pool_id: UUID, principal: Principal) -> Pool:
    """Return a pool.

    Raises:
        NotFound: there is none, or not for this caller.
    """
    found = pools(principal).filter(pk=pool_id).first()
    if found is None:
        raise NotFound(f"no pool {pool_id}")
    return found


_NAMED: Final = """
SELECT w.project, w.pool, pool.id, pool.name, project.id, project.name
FROM unnest(%(projects)s::text[], %(pools)s::text[]) AS w(project, pool)
JOIN access_project project ON project.name = w.project OR project.id::text = lower(w.project)
JOIN pools_pool pool ON pool.project_id = project.id AND pool.archived_at IS NULL
     AND (pool.name = w.pool OR pool.id::text = lower(w.pool))
"""


def pools_named(names: Iterable[PoolName], principal: Principal) -> dict[PoolName, PoolPlace]:
    """Return the pools by how they were named, in one query; unknown ones are absent.

    On the way of every submission, so without the ORM. A name goes before an id.
    """
    wanted = list(dict.fromkeys(names))
    parameters = {
        "projects": [name.project for name in wanted],
        "pools": [name.pool for name in wanted],
    }
    found: dict[PoolName, PoolPlace] = {}
    for project, name, *place in database.rows(_NAMED, parameters):
        asked, row = PoolName(project, name), PoolPlace(*place)
        known = asked in found and row.name != name
        if not known and principal.may(Permission.FLEET_READ, row.project_id):
            found[asked] = row
    return found


def members(row: Pool) -> QuerySet[Agent]:
    """Return the agents of a pool by name: those listed, or those with its labels."""
    agents = Agent.objects.filter(archived_at=None).order_by("name", "id")
    if row.type == PoolType.STATIC:
        return agents.filter(pk__in=Membership.objects.filter(pool=row).values("agent"))
    return agents.filter(project_id=row.project_id, labels__contains=row.required_labels)
