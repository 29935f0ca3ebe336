"""The set-based SQL of orders and directives: one statement for any number of agents."""

from typing import Final

AGENTS: Final = """
SELECT a.id, a.desired, s.id, a.settings_version, a.settings, a.labels FROM agents_agent a
LEFT JOIN agents_session s ON s.agent_id = a.id AND s.ended_at IS NULL
WHERE a.id = ANY(%s::uuid[]) AND a.archived_at IS NULL
"""

# The states are spelled out, so that the partial index of current attempts is found.
CURRENT: Final = """
SELECT id, agent_id, session_id, state, stop_reason, last_seq = 0 AND started_at IS NULL
FROM executors_attempt
WHERE agent_id = ANY(%s::uuid[])
  AND state IN ('assigned', 'held', 'running', 'stopping', 'unknown')
ORDER BY assigned_at, id
"""

# What ended by a report of its agent needs no further word: the answer to that report says it.
REPORTED: Final = """
SELECT id FROM executors_attempt WHERE id = ANY(%s::uuid[]) AND result_hash IS NOT NULL
"""

# What an order says; of an attempt `a`, its task `t`, `slot`, `project` and `pool`.
ORDER_COLUMNS: Final = """
       a.id, a.number, a.lost_after_s, a.disconnect, slot.index, t.id, t.kind, t.driver, t.phase,
       t.spec, t.name, project.name, pool.name, t.run_timeout_s"""

# The order of an apply says further which plan it is for, and what its bytes were when somebody
# approved it: the plan is the attempt before.
ORDERS: Final = f"""
SELECT {ORDER_COLUMNS}, plan.id, decision.plan_sha256
FROM executors_attempt a
JOIN executors_task t ON t.id = a.task_id
JOIN agents_slot slot ON slot.id = a.slot_id
JOIN access_project project ON project.id = t.project_id
JOIN pools_pool pool ON pool.id = t.pool_id
LEFT JOIN executors_attempt plan
       ON t.phase = 'apply' AND plan.task_id = t.id AND plan.number = a.number - 1
LEFT JOIN executors_plandecision decision
       ON decision.attempt_id = plan.id AND decision.is_approved
WHERE a.id = ANY(%s::uuid[]) AND a.state = 'assigned'
"""  # noqa: S608 - the columns are our own words

# Of those that apply a plan: the attempt whose plan each is for, and that one's number.
PLANS: Final = """
SELECT a.id, plan.id, plan.number FROM executors_attempt a
JOIN executors_task t ON t.id = a.task_id AND t.phase = 'apply'
JOIN executors_attempt plan ON plan.task_id = a.task_id AND plan.number = a.number - 1
WHERE a.id = ANY(%s::uuid[])
"""

STOPPING: Final = """
SELECT id, session_id, stop_reason FROM executors_attempt
WHERE agent_id = ANY(%s::uuid[]) AND state = 'stopping' ORDER BY id
"""
