"""Whose tasks might run now that these agents have room, and who must hear of a change?"""

from collections.abc import Collection
from typing import Final
from uuid import UUID

from executors import wakeups
from k8s4r import database

# Pools that could use the agents, as far as something waits in them. Labels are not looked at: a
# pass that places nothing is harmless, and one that never comes is not. Agents in pods are their
# pool's alone. The order is that of the
# queue's index, so that nobody reads through tasks that ended.
_WAITING_POOLS: Final = """
SELECT p.id FROM pools_pool p
WHERE p.archived_at IS NULL
  AND (SELECT t.id FROM executors_task t
       WHERE t.pool_id = p.id AND t.state = 'pending' AND t.run_after IS NULL
       ORDER BY t.requirement_id LIMIT 1) IS NOT NULL
  AND (EXISTS (SELECT 1 FROM pools_membership m
               WHERE m.pool_id = p.id AND m.agent_id = ANY(%(agents)s::uuid[]))
       OR EXISTS (SELECT 1 FROM pools_pod pod
               WHERE pod.pool_id = p.id AND pod.agent_id = ANY(%(agents)s::uuid[]))
       OR p.type = 'dynamic' AND p.k8s_config_id IS NULL
          AND EXISTS (SELECT 1 FROM agents_agent a
               WHERE a.project_id = p.project_id AND a.type <> 'k8s'
                 AND a.id = ANY(%(agents)s::uuid[])))
"""


def freed(agent_ids: Collection[UUID]) -> None:
    """Say after the commit that these agents may have room, to the pools where tasks wait."""
    if agent_ids:
        found = database.rows(_WAITING_POOLS, {"agents": sorted(agent_ids)})
        wakeups.tasks_waiting(row[0] for row in found)


def agents_changed(agent_ids: Collection[UUID]) -> None:
    """Pass on a changed wish: to the agents, and to tasks that they may take now."""
    wakeups.news_for(agent_ids)
    freed(agent_ids)
