"""The event table: partitioned by month, append-only, written by triggers alone."""

from django.db import migrations, models

TABLE = """
CREATE TABLE audit_event (
    id bigint GENERATED ALWAYS AS IDENTITY,
    at timestamptz NOT NULL,
    actor_kind text NOT NULL,
    actor_id text NOT NULL,
    cause text NOT NULL,
    object_type text NOT NULL,
    object_id uuid NOT NULL,
    project_id uuid,
    from_state text NOT NULL,
    to_state text NOT NULL,
    request_id text NOT NULL,
    detail jsonb NOT NULL,
    PRIMARY KEY (id, at)
) PARTITION BY RANGE (at);
CREATE INDEX audit_event_object ON audit_event (object_id, id);
CREATE INDEX audit_event_project ON audit_event (project_id, id);
-- Catches what no month was made for, so that a write never fails for want of a partition.
CREATE TABLE audit_event_rest PARTITION OF audit_event DEFAULT;
"""

# Months are made ahead by the retention job as well; it calls this function.
PARTITIONS = """
CREATE FUNCTION audit_make_month(moment timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    first timestamptz := date_trunc('month', moment AT TIME ZONE 'UTC') AT TIME ZONE 'UTC';
    past timestamptz := (date_trunc('month', moment AT TIME ZONE 'UTC') + interval '1 month')
        AT TIME ZONE 'UTC';
    name text := 'audit_event_' || to_char(first AT TIME ZONE 'UTC', 'YYYY_MM');
BEGIN
    IF to_regclass(name) IS NULL THEN
        EXECUTE format('CREATE TABLE %I PARTITION OF audit_event FOR VALUES FROM (%L) TO (%L)',
                       name, first, past);
    END IF;
END $$;
SELECT audit_make_month(clock_timestamp() + make_interval(months => n))
FROM generate_series(0, 3) AS n;
"""

APPEND_ONLY = """
CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit events are append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON audit_event
    FOR EACH ROW EXECUTE FUNCTION audit_refuse();
"""

# Who asked and why is said once per transaction (k8s4r.audit.attribution).
SETTING = """
CREATE FUNCTION audit_setting(name text, otherwise text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT coalesce(nullif(current_setting('k8s4r.' || name, true), ''), otherwise)
$$;
"""


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.RunSQL(
            TABLE + PARTITIONS + APPEND_ONLY + SETTING,
            """DROP TABLE audit_event; DROP FUNCTION audit_make_month, audit_refuse, audit_setting""",
        ),
        migrations.CreateModel(
            name="AuditEvent",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("at", models.DateTimeField()),
                ("actor_kind", models.CharField(max_length=16)),
                ("actor_id", models.CharField(max_length=64)),
                ("cause", models.CharField(max_length=64)),
                ("object_type", models.CharField(max_length=32)),
                ("object_id", models.UUIDField()),
                ("project_id", models.UUIDField(null=True)),
                ("from_state", models.CharField(max_length=16)),
                ("to_state", models.CharField(max_length=16)),
                ("request_id", models.CharField(max_length=64)),
                ("detail", models.JSONField()),
            ],
            options={"managed": False, "db_table": "audit_event", "ordering": ["-id"]},
        ),
    ]
