"""Which pools are there, and who is in them? Reads only."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q, QuerySet

from agents.models import Agent
from k8s4r.access.principals import Principal
from k8s4r.core import ids
from k8s4r.core.errors import NotFound
from pools.models import Membership, Pool, PoolType

DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class PoolName:
    """How a request names a pool: a project and a pool in it, each by name or id."""

    project: str
    pool: str


def pools(principal: Principal) -> QuerySet[Pool]:
    """Return the pools that exist for the caller, with their projects, by name."""
    rows = Pool.objects.filter(archived_at=None).select_related("project").order_by("name", "id")
    if principal.project_ids is None:
        return rows
    return rows.filter(project_id__in=principal.project_ids)


def pool(pool_id: UUID, principal: Principal) -> Pool:
    """Return a pool.

    Raises:
        NotFound: there is none, or not for this caller.
    """
    found = pools(principal).filter(pk=pool_id).first()
    if found is None:
        raise NotFound(f"no pool {pool_id}")
    return found


def pools_named(names: Iterable[PoolName], principal: Principal) -> dict[PoolName, Pool]:
    """Return the pools by how they were named, in one query; unknown ones are absent."""
    wanted = set(names)
    texts = {name.pool for name in wanted}
    identities = [identity for text in texts if (identity := ids.as_uuid(text))]
    rows = pools(principal).filter(Q(name__in=texts) | Q(pk__in=identities))
    found: dict[PoolName, Pool] = {}
    for row in rows:
        project = row.project
        for name in wanted:
            if name.pool in {row.name, str(row.pk)} and name.project in {
                project.name,
                str(project.pk),
            }:
                found[name] = row
    return found


def members(row: Pool) -> QuerySet[Agent]:
    """Return the agents of a pool by name: those listed, or those with its labels."""
    agents = Agent.objects.filter(archived_at=None).order_by("name", "id")
    if row.type == PoolType.STATIC:
        return agents.filter(pk__in=Membership.objects.filter(pool=row).values("agent"))
    return agents.filter(project_id=row.project_id, labels__contains=row.required_labels)
