"""The database's own laws: final states stay, and every move leaves an event."""

from django.db import migrations

from executors.core.lifecycle import ATTEMPT_TERMINAL, TASK_TERMINAL


def _final(table, states):
    listed = ", ".join(f"'{state.value}'" for state in sorted(states))
    return f"""
    CREATE TRIGGER {table}_final BEFORE UPDATE OF state ON {table} FOR EACH ROW
        WHEN (OLD.state IN ({listed}) AND NEW.state <> OLD.state)
        EXECUTE FUNCTION executors_refuse_final();
    """


REFUSE_FINAL = """
CREATE FUNCTION executors_refuse_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a final state never changes: % % is %', TG_TABLE_NAME, OLD.id, OLD.state
        USING ERRCODE = 'integrity_constraint_violation';
END $$;
"""

# One INSERT ... SELECT per statement, however many rows it moved (transition tables).
EVENTS = """
CREATE FUNCTION executors_task_event() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    by_kind text := audit_setting('actor_kind', 'system');
    by_id text := audit_setting('actor_id', '');
    by_cause text := audit_setting('cause', TG_OP);
    by_request text := audit_setting('request_id', '');
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO audit_event (at, actor_kind, actor_id, cause, object_type, object_id,
                                 project_id, from_state, to_state, request_id, detail)
        SELECT n.changed_at, by_kind, by_id, by_cause, 'task', n.id, n.project_id, '', n.state, by_request,
               '{}'::jsonb
        FROM new_rows n;
    ELSE
        INSERT INTO audit_event (at, actor_kind, actor_id, cause, object_type, object_id,
                                 project_id, from_state, to_state, request_id, detail)
        SELECT n.changed_at, by_kind,
               CASE WHEN by_kind = 'agent' AND by_id = '' THEN coalesce(n.agent_id::text, '')
                    ELSE by_id END,
               by_cause, 'task', n.id, n.project_id, o.state, n.state, by_request,
               CASE WHEN n.reason = '' THEN '{}'::jsonb
                    ELSE jsonb_build_object('reason', n.reason) END
        FROM new_rows n JOIN old_rows o ON o.id = n.id
        WHERE o.state <> n.state
           OR o.stop_requested_at IS DISTINCT FROM n.stop_requested_at;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION executors_attempt_event() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    by_kind text := audit_setting('actor_kind', 'system');
    by_id text := audit_setting('actor_id', '');
    by_cause text := audit_setting('cause', TG_OP);
    by_request text := audit_setting('request_id', '');
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO audit_event (at, actor_kind, actor_id, cause, object_type, object_id,
                                 project_id, from_state, to_state, request_id, detail)
        SELECT n.changed_at, by_kind, by_id, by_cause, 'attempt', n.id, n.project_id, '', n.state,
               by_request,
               jsonb_build_object('task', n.task_id, 'number', n.number, 'agent', n.agent_id)
        FROM new_rows n;
    ELSE
        INSERT INTO audit_event (at, actor_kind, actor_id, cause, object_type, object_id,
                                 project_id, from_state, to_state, request_id, detail)
        SELECT n.changed_at, by_kind,
               CASE WHEN by_kind = 'agent' AND by_id = '' THEN n.agent_id::text ELSE by_id END,
               by_cause, 'attempt', n.id, n.project_id, o.state, n.state, by_request,
               jsonb_build_object('task', n.task_id, 'number', n.number, 'agent', n.agent_id)
        FROM new_rows n JOIN old_rows o ON o.id = n.id
        WHERE o.state <> n.state OR o.session_id <> n.session_id;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER executors_task_inserted AFTER INSERT ON executors_task
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION executors_task_event();
CREATE TRIGGER executors_task_updated AFTER UPDATE ON executors_task
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION executors_task_event();
CREATE TRIGGER executors_attempt_inserted AFTER INSERT ON executors_attempt
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION executors_attempt_event();
CREATE TRIGGER executors_attempt_updated AFTER UPDATE ON executors_attempt
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION executors_attempt_event();
"""

# Rows that are updated in place many times: leave room on the page for the next version.
ROOM = """
ALTER TABLE executors_task SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
ALTER TABLE executors_attempt SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
"""

UNDO = """
DROP TRIGGER executors_task_final ON executors_task;
DROP TRIGGER executors_attempt_final ON executors_attempt;
DROP TRIGGER executors_task_inserted ON executors_task;
DROP TRIGGER executors_task_updated ON executors_task;
DROP TRIGGER executors_attempt_inserted ON executors_attempt;
DROP TRIGGER executors_attempt_updated ON executors_attempt;
DROP FUNCTION executors_refuse_final, executors_task_event, executors_attempt_event;
"""


class Migration(migrations.Migration):
    dependencies = [("executors", "0001_initial"), ("audit", "0001_initial")]
    operations = [
        migrations.RunSQL(
            REFUSE_FINAL
            + _final("executors_task", TASK_TERMINAL)
            + _final("executors_attempt", ATTEMPT_TERMINAL)
            + EVENTS
            + ROOM,
            UNDO,
        )
    ]
