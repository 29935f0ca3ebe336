"""Which pools are there, and who is in them? Reads only."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from agents.models import Agent, AgentType
from k8s4r import database
from k8s4r.access.principals import Principal
from k8s4r.core import ids
from k8s4r.core.errors import NotFound
from k8s4r.core.roles import Permission
from pools.core import gates
from pools.core import outlook as outlooks
from pools.core.gates import Barrier, PoolGate
from pools.core.outlook import Count, Failed, Outlook
from pools.core.pods import PodFailure, PodState
from pools.models import K8sConfig, Membership, Pod, Pool, PoolType

DEFAULT: Final = "default"


@dataclass(frozen=True, slots=True)
class PoolName:
    """How a request names a pool: a project and a pool in it, each by name or id."""

    project: str
    pool: str


@dataclass(frozen=True, slots=True)
class PoolPlace:
    """Where a named pool is, seen from a project: its own, or one shared with it."""

    id: UUID
    name: str
    project_id: UUID
    project_name: str
    is_shared: bool = False


def pools(principal: Principal) -> QuerySet[Pool]:
    """Return the pools that exist for the caller, own and shared, with their projects, by name."""
    rows = Pool.objects.filter(archived_at=None).select_related("project", "k8s_config")
    rows = rows.defer("k8s_config__ca_data", "k8s_config__encrypted_credential")
    seen = principal.projects(Permission.FLEET_READ)
    return (rows if seen is None else rows.filter(in_reach(seen))).order_by("name", "id")


def in_reach(project_ids: Collection[UUID], at: str = "") -> Q:
    """Return the condition of being a pool of these projects, or shared with one of them.

    ``at`` leads from other rows to their pool: ``pool__``.
    """
    own = Q(**{f"{at}project_id__in": project_ids})
    return own | Q(**{f"{at}shared_with__has_any_keys": sorted(map(str, project_ids))})


def pool(pool_id: UUID, principal: Principal) -> Pool:
    """Return a pool.

    Raises:
        NotFound: there is none, or not for this caller.
    """
    found = pools(principal).filter(pk=pool_id).first()
    if found is None:
        raise NotFound(f"no pool {pool_id}")
    return found


def configs(principal: Principal) -> QuerySet[K8sConfig]:
    """Return the K8s configs that exist for the caller, with their projects, by name."""
    rows = K8sConfig.objects.filter(archived_at=None).select_related("project")
    seen = principal.projects(Permission.FLEET_READ)
    return (rows if seen is None else rows.filter(project_id__in=seen)).order_by("name", "id")


def config(config_id: UUID, principal: Principal) -> K8sConfig:
    """Return a K8s config.

    Raises:
        NotFound: there is none, or not for this caller.
    """
    found = configs(principal).filter(pk=config_id).first()
    if found is None:
        raise NotFound(f"no K8s config {config_id}")
    return found


# A project's own pool goes before one that is shared with it, and a name before an id.
_NAMED: Final = """
SELECT DISTINCT ON (w.project, w.pool, project.id)
       w.project, w.pool, pool.id, pool.name, project.id, project.name,
       pool.project_id <> project.id AS is_shared
FROM unnest(%(projects)s::text[], %(pools)s::text[]) AS w(project, pool)
JOIN access_project project ON project.name = w.project OR project.id::text = lower(w.project)
JOIN pools_pool pool
  ON (pool.project_id = project.id OR pool.shared_with ? project.id::text)
     AND pool.archived_at IS NULL AND (pool.name = w.pool OR pool.id::text = lower(w.pool))
ORDER BY w.project, w.pool, project.id, is_shared, pool.name <> w.pool, pool.id
"""


def pools_named(names: Iterable[PoolName], principal: Principal) -> dict[PoolName, PoolPlace]:
    """Return the pools by how they were named, in one query; unknown ones are absent.

    On the way of every submission, so without the ORM.
    """
    wanted = list(dict.fromkeys(names))
    parameters = {
        "projects": [name.project for name in wanted],
        "pools": [name.pool for name in wanted],
    }
    found: dict[PoolName, PoolPlace] = {}
    for project, name, *place in database.rows(_NAMED, parameters):
        row = PoolPlace(*place)
        if principal.may(Permission.FLEET_READ, row.project_id):
            found.setdefault(PoolName(project, name), row)
    return found


def listed_agents(rows: Iterable[Pool]) -> dict[UUID, list[UUID]]:
    """Return the agents listed in each pool, by name; pools without any are absent."""
    listed: dict[UUID, list[UUID]] = {}
    found = Membership.objects.filter(pool__in=list(rows)).order_by("agent__name", "agent_id")
    for pool_id, agent_id in found.values_list("pool_id", "agent_id"):
        listed.setdefault(pool_id, []).append(agent_id)
    return listed


def barriers(row: Pool, *, now: datetime) -> tuple[Barrier, ...]:
    """Return what keeps the whole pool from starting work now."""
    gate = PoolGate(
        paused=row.paused,
        paused_since=row.paused_at,
        paused_until=row.paused_until,
        paused_reason=row.paused_reason,
        paused_by=row.paused_by,
        windows=gates.windows(row.windows),
        open_until=row.open_until,
    )
    return gates.barriers(gate, now=now)


# Pods that failed before they worked, since one worked; and those that say why they do not start.
_TROUBLE: Final = """
SELECT state, created_at,
       CASE WHEN state = 'failed' THEN changed_at
            ELSE greatest(created_at, changed_at - make_interval(secs => %(kept)s)) END,
       failure, message
FROM pools_pod
WHERE pool_id = %(pool)s AND NOT failure = '' AND ready_at IS NULL
  AND created_at > greatest(%(from)s, (
      SELECT ready_at FROM pools_pod WHERE pool_id = %(pool)s AND ready_at IS NOT NULL
      ORDER BY ready_at DESC LIMIT 1))
ORDER BY created_at DESC LIMIT 200
"""
_COUNTS: Final = """
SELECT state, count(*), min(created_at) FROM pools_pod
WHERE pool_id = %(pool)s AND state <> 'gone' GROUP BY state ORDER BY state
"""


def outlook(row: Pool, *, now: datetime) -> Outlook | None:
    """Return how the pods of a pool stand; ``None`` where it has none."""
    if row.k8s_config_id is None:
        return None
    pool = {"pool": row.pk}
    counts = [Count(PodState(state), *rest) for state, *rest in database.rows(_COUNTS, pool)]
    since = {"from": now - outlooks.REMEMBERED, "kept": row.keep_failed_s}
    found = [
        (PodState(state), Failed(created, failed, PodFailure(code), message))
        for state, created, failed, code, message in database.rows(_TROUBLE, pool | since)
    ]
    return outlooks.outlook(
        counts,
        [one for state, one in found if state not in outlooks.COMING],
        most=row.max_pods,
        troubled=next((one for state, one in found if state in outlooks.COMING), None),
    )


def members(row: Pool) -> QuerySet[Agent]:
    """Return the agents of a pool by name: in its pods, or those listed, or with its labels."""
    agents = Agent.objects.filter(archived_at=None).order_by("name", "id")
    if row.k8s_config_id is not None:
        pods = Pod.objects.filter(pool=row).exclude(state=PodState.GONE)
        return agents.filter(pk__in=pods.values("agent"))
    if row.type == PoolType.STATIC:
        return agents.filter(pk__in=Membership.objects.filter(pool=row).values("agent"))
    by_labels = agents.filter(project_id=row.project_id, labels__contains=row.required_labels)
    return by_labels.exclude(type=AgentType.K8S)


def in_pool(text: str, principal: Principal) -> Q:
    """Return the condition "is in a pool of this name or id" for rows of agents.

    Every pool of that name counts that exists for the caller; without one, no agent is in it.
    """
    identity = ids.as_uuid(text)
    named = Q(name=text) if identity is None else Q(name=text) | Q(pk=identity)
    found = pools(principal).filter(named).order_by()
    listed = Membership.objects.filter(
        pool__in=found.filter(type=PoolType.STATIC).values("pk"), agent=OuterRef("pk")
    )
    in_pods = Pod.objects.filter(pool__in=found.values("pk"), agent=OuterRef("pk"))
    by_labels = found.filter(
        type=PoolType.DYNAMIC,
        k8s_config=None,
        project_id=OuterRef("project_id"),
        required_labels__contained_by=OuterRef("labels"),
    )
    labelled = Q(Exists(by_labels)) & ~Q(type=AgentType.K8S)
    return Q(Exists(listed)) | Q(Exists(in_pods.exclude(state=PodState.GONE))) | labelled
