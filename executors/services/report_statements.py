"""The set-based SQL of reports: one statement for any number of attempts.

Only `reporting` runs these. None of them writes a state.
"""

from typing import Final

SESSIONS: Final = """
SELECT id, agent_id FROM agents_session WHERE id = ANY(%s::uuid[]) AND ended_at IS NULL
"""

# What a report changes besides the state: how far we read, and what we know of the process.
HEARD: Final = """
UPDATE executors_attempt a SET
    last_seq = m.last_seq, last_report_at = %(now)s,
    started_at = coalesce(a.started_at, m.started_at), pid = coalesce(m.pid, a.pid),
    run_deadline_at = coalesce(a.run_deadline_at, m.run_deadline_at)
FROM unnest(%(ids)s::uuid[], %(seqs)s::bigint[], %(started)s::timestamptz[], %(pids)s::bigint[],
            %(deadlines)s::timestamptz[]) AS m(id, last_seq, started_at, pid, run_deadline_at)
WHERE a.id = m.id
"""

# A chunk that is there already was kept by an earlier try of the same batch.
KEEP_CHUNKS: Final = """
INSERT INTO executors_logchunk (attempt_id, seq, stream, at, data)
SELECT * FROM unnest(%(attempts)s::uuid[], %(seqs)s::bigint[], %(streams)s::text[],
                     %(ats)s::timestamptz[], %(datas)s::bytea[])
ON CONFLICT DO NOTHING
"""

LOG_GREW: Final = """
UPDATE executors_task t SET log_bytes = t.log_bytes + m.bytes
FROM unnest(%(ids)s::uuid[], %(bytes)s::bigint[]) AS m(id, bytes)
WHERE t.id = m.id
"""

# How far the work says that it is.
TOLD: Final = """
UPDATE executors_task t SET
    progress = m.fraction, progress_text = m.text, progress_at = m.at, progress_attempt = m.number
FROM unnest(%(ids)s::uuid[], %(numbers)s::int[], %(fractions)s::float8[], %(texts)s::text[],
            %(ats)s::timestamptz[]) AS m(id, number, fraction, text, at)
WHERE t.id = m.id
"""

# An agent that goes on sending fills no disk: of each attempt the first few are kept.
KEEP_EVIDENCE: Final = """
INSERT INTO executors_evidence (id, attempt_id, agent_id, received_at, status, payload)
SELECT m.id, m.attempt_id, m.agent_id, %(now)s, m.status, m.payload
FROM unnest(%(ids)s::uuid[], %(attempts)s::uuid[], %(agents)s::uuid[], %(statuses)s::text[],
            %(payloads)s::bytea[]) AS m(id, attempt_id, agent_id, status, payload)
WHERE (SELECT count(*) FROM executors_evidence e WHERE e.attempt_id = m.attempt_id) < 16
"""
