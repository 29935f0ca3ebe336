"""The set-based SQL of heartbeats: one statement for any number of agents."""

from typing import Final

# A session that stands for an agent without a runner: last seen, and no lease of anything.
WITHOUT_RUNNER: Final = "-"

AGENTS: Final = """
SELECT a.id, a.desired, a.observed, a.observed_reason, s.id,
       EXISTS (SELECT 1 FROM access_token t
               WHERE t.subject = a.id AND t.rotating AND t.revoked_at IS NULL),
       CASE WHEN a.not_now_since IS NOT NULL THEN a.not_now_reason END, a.not_now_until,
       a.settings_version, a.settings, a.labels
FROM agents_agent a
LEFT JOIN agents_session s ON s.agent_id = a.id AND s.ended_at IS NULL
WHERE a.id = ANY(%s::uuid[]) AND a.archived_at IS NULL
"""

LOCK_AGENTS: Final = """
SELECT id, observed, not_now_since IS NOT NULL FROM agents_agent
WHERE id = ANY(%s::uuid[]) AND archived_at IS NULL ORDER BY id FOR NO KEY UPDATE
"""

# Locked in one order, so that two gateways that serve the same agents wait and do not deadlock.
RENEW: Final = """
WITH beating AS (
    SELECT s.id, m.version FROM agents_session s
    JOIN unnest(%(sessions)s::uuid[], %(agents)s::uuid[], %(versions)s::int[])
      AS m(session_id, agent_id, version) ON s.id = m.session_id AND s.agent_id = m.agent_id
    WHERE s.ended_at IS NULL ORDER BY s.id FOR NO KEY UPDATE OF s
)
UPDATE agents_session s SET last_heartbeat_at = %(now)s, settings_version = beating.version
FROM beating WHERE s.id = beating.id AND s.ended_at IS NULL RETURNING s.id
"""

# A runner's session is not renewed by this: only its own heartbeat proves that the runner is well.
SEEN: Final = """
INSERT INTO agents_session AS s
    (id, agent_id, boot_id, version, slots, opened_at, last_heartbeat_at)
SELECT gen_random_uuid(), id, %(boot)s, '', 0, %(now)s, %(now)s
FROM unnest(%(agents)s::uuid[]) AS m(id) ORDER BY id
ON CONFLICT (agent_id) WHERE ended_at IS NULL
DO UPDATE SET last_heartbeat_at = %(now)s WHERE s.boot_id = %(boot)s
"""

DESCRIBE: Final = """
UPDATE agents_agent a SET
    observed = m.observed,
    observed_reason = m.reason,
    device_info = coalesce(m.device_info::jsonb, a.device_info),
    not_now_reason = coalesce(m.not_now, ''),
    not_now_until = m.until,
    not_now_since = CASE WHEN m.not_now IS NOT NULL THEN coalesce(a.not_now_since, %(now)s) END,
    changed_at = CASE WHEN a.observed <> m.observed THEN %(now)s ELSE a.changed_at END
FROM unnest(%(ids)s::uuid[], %(observed)s::text[], %(reasons)s::text[], %(devices)s::text[],
            %(not_now)s::text[], %(until)s::timestamptz[])
     AS m(id, observed, reason, device_info, not_now, until)
WHERE a.id = m.id
"""
