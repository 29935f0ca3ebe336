"""The set-based SQL of moves: one statement for any number of rows.

Only `transitions` runs these. The law is joined in as the rows of the transition table, so an
illegal or outdated move simply matches nothing. A row may take two steps at once, when what began
has ended by the time it is written: ``via`` keeps the state between, and the trigger leaves an
event for each step.
"""

from typing import Final

from executors.core.lifecycle import ATTEMPT_TABLE, TASK_TABLE
from executors.core.steps import Step, steps
from executors.services.order_statements import ORDER_COLUMNS


def _values(law: tuple[Step, ...]) -> str:
    """Return the law as rows of text constants: they are words of our own enums."""
    rows = (
        f"('{step.from_state}', '{step.first}', '{step.event}', '{step.via}', '{step.to_state}')"
        for step in law
    )
    return f"(VALUES {', '.join(rows)}) AS law(from_state, first, event, via, to_state)"


# The moves come as JSON, with the names of their fields: psycopg takes five times as long to write
# arrays. NULL keeps the column as it is; bytes are base64. Rows are found by their ids: an index by
# state, which `state || ''` rules out, looks as good while there are few tasks, and a plan made
# then reads all that wait.
MOVE_TASKS: Final = f"""
UPDATE executors_task t SET
    state = law.to_state,
    via = law.via,
    changed_at = %(now)s,
    reason = coalesce(m.reason, t.reason),
    message = coalesce(m.message, t.message),
    exit_code = coalesce(m.exit_code, t.exit_code),
    signal = coalesce(m.signal, t.signal),
    started_at = coalesce(m.started_at, t.started_at),
    ended_at = coalesce(m.ended_at, t.ended_at),
    run_after = m.run_after,
    phase = CASE WHEN law.to_state = 'pending' AND t.phase = 'apply' THEN 'plan' ELSE t.phase END,
    stop_requested_at = CASE WHEN law.to_state = 'pending' THEN NULL
                             ELSE t.stop_requested_at END
FROM json_to_recordset(%(moves)s::json)
     AS m(task_id uuid, first text, event text, reason text, message text, exit_code int,
          signal int, started_at timestamptz, ended_at timestamptz, run_after timestamptz),
     {_values(steps(TASK_TABLE))}
WHERE t.id = m.task_id AND law.first = coalesce(m.first, '') AND law.event = m.event
  AND law.from_state = t.state || ''
RETURNING t.id, t.state
"""  # noqa: S608 - the law is made of our own words

MOVE_ATTEMPTS: Final = f"""
UPDATE executors_attempt a SET
    state = law.to_state,
    via = law.via,
    changed_at = %(now)s,
    stop_reason = coalesce(m.stop_reason, a.stop_reason),
    reason = coalesce(m.reason, a.reason),
    message = coalesce(m.message, a.message),
    exit_code = coalesce(m.exit_code, a.exit_code),
    signal = coalesce(m.signal, a.signal),
    pid = coalesce(m.pid, a.pid),
    started_at = coalesce(m.started_at, a.started_at),
    ended_at = coalesce(m.ended_at, a.ended_at),
    run_deadline_at = coalesce(m.run_deadline_at, a.run_deadline_at),
    reserved_until = CASE WHEN law.to_state = 'held'
                          THEN coalesce(m.reserved_until, a.reserved_until) END,
    result_hash = coalesce(decode(m.result_hash, 'base64'), a.result_hash),
    session_id = coalesce(m.session_id, a.session_id),
    last_seq = coalesce(m.last_seq, a.last_seq),
    last_report_at = CASE WHEN m.last_seq IS NULL THEN a.last_report_at ELSE %(now)s END
FROM json_to_recordset(%(moves)s::json)
     AS m(attempt_id uuid, first text, event text, stop_reason text, reason text, message text,
          exit_code int, signal int, pid bigint, started_at timestamptz, ended_at timestamptz,
          run_deadline_at timestamptz, reserved_until timestamptz, result_hash text,
          session_id uuid, last_seq bigint),
     {_values(steps(ATTEMPT_TABLE))}
WHERE a.id = m.attempt_id AND law.first = coalesce(m.first, '') AND law.event = m.event
  AND law.from_state = a.state
RETURNING a.id, a.state
"""  # noqa: S608 - as above

# A slot or a task that got a current attempt meanwhile keeps it: the partial unique indexes decide.
# The session and the slot are looked at again: they may have ended since they were read.
# What comes back is whose each new attempt is, and what its order says. The rows that were made are
# read once: a join of two such sets goes through each for every row of the other.
ASSIGN: Final = f"""
WITH made AS (
    INSERT INTO executors_attempt (
        id, task_id, number, agent_id, session_id, slot_id, project_id, state, stop_reason,
        changed_at, assigned_at, silence_timeout_s, lost_after_s, disconnect, last_seq, reason,
        message)
    SELECT m.id, t.id, t.attempts_made + 1, m.agent_id, m.session_id, m.slot_id, t.project_id,
           'assigned', '', %(now)s, %(now)s, t.silence_timeout_s, t.lost_after_s, t.disconnect,
           0, '', ''
    FROM unnest(%(ids)s::uuid[], %(tasks)s::uuid[], %(agents)s::uuid[], %(sessions)s::uuid[],
                %(slots)s::uuid[]) AS m(id, task_id, agent_id, session_id, slot_id)
    JOIN executors_task t ON t.id = m.task_id
    JOIN agents_session s ON s.id = m.session_id AND s.ended_at IS NULL
    JOIN agents_slot slot ON slot.id = m.slot_id AND slot.retired_at IS NULL
    ON CONFLICT DO NOTHING
    RETURNING *)
UPDATE executors_task t SET
    state = 'dispatching', via = '', changed_at = %(now)s, attempts_made = a.number,
    agent_id = a.agent_id, reason = '', message = ''
FROM made a JOIN agents_slot slot ON slot.id = a.slot_id, access_project project, pools_pool pool
WHERE t.id = a.task_id AND t.state || '' = 'pending'
  AND project.id = t.project_id AND pool.id = t.pool_id
RETURNING a.agent_id, a.session_id, {ORDER_COLUMNS}
"""  # noqa: S608 - the columns are our own words

# The apply of an approved plan: the next attempt, on the slot whose folder has the plan. It runs on
# through any silence: nobody may start it elsewhere.
APPLY: Final = """
WITH made AS (
    INSERT INTO executors_attempt (
        id, task_id, number, agent_id, session_id, slot_id, project_id, state, stop_reason,
        changed_at, assigned_at, silence_timeout_s, lost_after_s, disconnect, last_seq, reason,
        message)
    SELECT %(id)s, t.id, t.attempts_made + 1, %(agent)s, s.id, %(slot)s, t.project_id,
           'assigned', '', %(now)s, %(now)s, t.silence_timeout_s, t.lost_after_s, 'wait',
           0, '', ''
    FROM executors_task t
    JOIN agents_session s ON s.id = %(session)s AND s.ended_at IS NULL
    WHERE t.id = %(task)s AND t.state = 'apply_pending'
    RETURNING *)
UPDATE executors_task t SET
    state = 'dispatching', via = '', phase = 'apply', changed_at = %(now)s,
    attempts_made = made.number, reason = '', message = ''
FROM made WHERE t.id = made.task_id
RETURNING t.id
"""

REQUEST_STOP: Final = """
UPDATE executors_task SET stop_requested_at = %(now)s, changed_at = %(now)s
WHERE id = ANY(%(ids)s::uuid[]) AND stop_requested_at IS NULL AND ended_at IS NULL
RETURNING id
"""

# The attempt goes on under the runner's new session: its lease is that session's heartbeat.
REBIND: Final = """
UPDATE executors_attempt SET session_id = %(session)s, changed_at = %(now)s
WHERE id = ANY(%(ids)s::uuid[]) AND session_id <> %(session)s
RETURNING id
"""
