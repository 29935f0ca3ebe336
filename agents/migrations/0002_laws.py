"""Agents leave an event for each change of wish or fact; sessions are updated in place."""

from django.db import migrations

EVENTS = """
CREATE FUNCTION agents_agent_event() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    by_kind text := audit_setting('actor_kind', 'system');
    by_id text := audit_setting('actor_id', '');
    by_cause text := audit_setting('cause', TG_OP);
    by_request text := audit_setting('request_id', '');
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO audit_event (at, actor_kind, actor_id, cause, object_type, object_id,
                                 project_id, from_state, to_state, request_id, detail)
        SELECT n.changed_at, by_kind, by_id, by_cause, 'agent', n.id, n.project_id, '', n.observed,
               by_request, jsonb_build_object('desired', n.desired)
        FROM new_rows n;
    ELSE
        INSERT INTO audit_event (at, actor_kind, actor_id, cause, object_type, object_id,
                                 project_id, from_state, to_state, request_id, detail)
        SELECT n.changed_at, by_kind,
               CASE WHEN by_kind = 'agent' AND by_id = '' THEN n.id::text ELSE by_id END,
               by_cause, 'agent', n.id, n.project_id, o.observed, n.observed, by_request,
               jsonb_build_object('desired', n.desired, 'desired_before', o.desired,
                                  'reason', n.observed_reason)
        FROM new_rows n JOIN old_rows o ON o.id = n.id
        WHERE o.observed <> n.observed OR o.desired <> n.desired
           OR o.archived_at IS DISTINCT FROM n.archived_at;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER agents_agent_inserted AFTER INSERT ON agents_agent
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION agents_agent_event();
CREATE TRIGGER agents_agent_updated AFTER UPDATE ON agents_agent
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION agents_agent_event();
ALTER TABLE agents_session SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);
"""
UNDO = """
DROP TRIGGER agents_agent_inserted ON agents_agent;
DROP TRIGGER agents_agent_updated ON agents_agent;
DROP FUNCTION agents_agent_event;
"""


class Migration(migrations.Migration):
    dependencies = [("agents", "0001_initial"), ("audit", "0001_initial")]
    operations = [migrations.RunSQL(EVENTS, UNDO)]
