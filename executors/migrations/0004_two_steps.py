"""A move that takes two steps at once, with an event for each of them."""

from importlib import import_module

from django.db import migrations, models

EVENTS_OF_EACH_STEP = """
CREATE OR REPLACE FUNCTION executors_task_event() RETURNS trigger LANGUAGE plpgsql AS $$
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
               by_cause, 'task', n.id, n.project_id, step.before, step.after, by_request,
               CASE WHEN n.reason = '' OR step.after <> n.state THEN '{}'::jsonb
                    ELSE jsonb_build_object('reason', n.reason) END
        FROM new_rows n JOIN old_rows o ON o.id = n.id
        CROSS JOIN LATERAL (VALUES
            (1, o.state, CASE WHEN n.via = '' OR o.state = n.state THEN n.state ELSE n.via END),
            (2, n.via, n.state)) AS step(number, before, after)
        WHERE (step.number = 1 OR (n.via <> '' AND o.state <> n.state))
          AND (o.state <> n.state OR o.stop_requested_at IS DISTINCT FROM n.stop_requested_at)
        ORDER BY step.number;
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION executors_attempt_event() RETURNS trigger LANGUAGE plpgsql AS $$
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
               by_cause, 'attempt', n.id, n.project_id, step.before, step.after, by_request,
               jsonb_build_object('task', n.task_id, 'number', n.number, 'agent', n.agent_id)
        FROM new_rows n JOIN old_rows o ON o.id = n.id
        CROSS JOIN LATERAL (VALUES
            (1, o.state, CASE WHEN n.via = '' OR o.state = n.state THEN n.state ELSE n.via END),
            (2, n.via, n.state)) AS step(number, before, after)
        WHERE (step.number = 1 OR (n.via <> '' AND o.state <> n.state))
          AND (o.state <> n.state OR o.session_id <> n.session_id)
        ORDER BY step.number;
    END IF;
    RETURN NULL;
END $$;
"""

EVENTS_OF_SINGLE_STEPS = (
    import_module("executors.migrations.0002_laws")
    .EVENTS.partition("CREATE TRIGGER")[0]
    .replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
)


def _via(model: str) -> migrations.AddField:
    return migrations.AddField(
        model_name=model,
        name="via",
        field=models.CharField(blank=True, db_default="", default="", max_length=16),
    )


class Migration(migrations.Migration):
    dependencies = [("executors", "0003_fewer_indexes")]
    operations = [
        _via("task"),
        _via("attempt"),
        migrations.RunSQL(EVENTS_OF_EACH_STEP, EVENTS_OF_SINGLE_STEPS),
    ]
