"""Which pods may Kubernetes not evict now? Those with anything on them.

Also keeps since when a pod is idle. Asked for where work is given away, and levelled by each look
at a pool: ends of work are seen there, and what was missed is made up for.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from executors import wakeups
from executors.pod_loads import PodLoad
from k8s4r import database
from pools.core.pods import SERVING, ActionKind, PodState
from pools.models import Pool
from pools.services import pods

_TOOK_WORK: Final = """
UPDATE pools_pod p SET idle_since = NULL
FROM (SELECT id FROM pools_pod
      WHERE agent_id = ANY(%(agents)s::uuid[]) AND state <> 'gone'
        AND (idle_since IS NOT NULL OR NOT shielded)
      ORDER BY id FOR NO KEY UPDATE) locked
WHERE p.id = locked.id
RETURNING p.id
"""
_RESTS: Final = """
UPDATE pools_pod p SET idle_since = CASE WHEN p.id = ANY(%(rested)s::uuid[]) THEN %(now)s END
FROM (SELECT id FROM pools_pod
      WHERE id = ANY(%(rested)s::uuid[]) OR id = ANY(%(woken)s::uuid[])
      ORDER BY id FOR NO KEY UPDATE) locked
WHERE p.id = locked.id
"""
_STAYING: Final = SERVING | {PodState.UNKNOWN}


def took_work(pool: Pool, agent_ids: Collection[UUID], *, now: datetime) -> None:
    """Shield the pods of these agents, which have just been given work.

    Expects the transaction of the pass, with the agents locked.

    Locks: the pods, by pk.
    """
    if not agent_ids:
        return
    found = database.rows(_TOOK_WORK, {"agents": database.ids(agent_ids)})
    _ask([row[0] for row in found], ActionKind.SHIELD, pool, now=now)


def level(pool: Pool, loads: Sequence[PodLoad], *, now: datetime) -> None:
    """Shield what works, unshield what is idle, and note since when it is.

    Expects the pool to be locked, so that no pass gives work away meanwhile.

    Locks: the pods that change, by pk.
    """
    staying = [one for one in loads if one.state in _STAYING]
    busy = [one for one in staying if not one.is_idle]
    idle = [one for one in staying if one.is_idle]
    rested = [one.pod_id for one in idle if one.idle_since is None and one.state == PodState.READY]
    woken = [one.pod_id for one in busy if one.idle_since is not None]
    if rested or woken:
        parameters = {"rested": database.ids(rested), "woken": database.ids(woken), "now": now}
        database.run(_RESTS, parameters)
    _ask([one.pod_id for one in busy if not one.is_shielded], ActionKind.SHIELD, pool, now=now)
    _ask([one.pod_id for one in idle if one.is_shielded], ActionKind.UNSHIELD, pool, now=now)


def _ask(pod_ids: Sequence[UUID], kind: ActionKind, pool: Pool, *, now: datetime) -> None:
    if pod_ids:
        pods.ask(pod_ids, kind, now=now)
        assert pool.k8s_config_id is not None, "the pool has pods"
        wakeups.clusters_changed([pool.k8s_config_id])
