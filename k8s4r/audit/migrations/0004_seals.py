"""Seals over closed ranges of events, each bound to the one before; nothing empties the history.

`audit_seal_mark` holds how far the next seal may reach once every transaction that runs now has
ended; `audit_dropped_month` which months retention took, so that their seals stand without rows.
"""

from django.db import migrations, models

TABLES = """
CREATE TABLE audit_seal (
    number bigint PRIMARY KEY CHECK (number > 0),
    first_id bigint NOT NULL,
    last_id bigint NOT NULL CHECK (last_id >= first_id),
    month date NOT NULL,
    events bigint NOT NULL CHECK (events > 0),
    digest bytea NOT NULL CHECK (length(digest) = 32),
    previous bytea NOT NULL,
    hash bytea NOT NULL CHECK (length(hash) = 32),
    sealed_at timestamptz NOT NULL,
    UNIQUE (first_id, month)
);
CREATE INDEX audit_seal_last ON audit_seal (last_id);
CREATE TABLE audit_seal_mark (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    last_id bigint NOT NULL,
    running_before bigint NOT NULL
);
INSERT INTO audit_seal_mark (last_id, running_before) VALUES (0, 0);
CREATE TABLE audit_dropped_month (
    month date PRIMARY KEY,
    dropped_at timestamptz NOT NULL
);
"""

APPEND_ONLY = """
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON audit_seal
    FOR EACH ROW EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON audit_dropped_month
    FOR EACH ROW EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER audit_never_emptied BEFORE TRUNCATE ON audit_event
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER audit_never_emptied BEFORE TRUNCATE ON audit_seal
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
"""

UNDO = """
DROP TRIGGER audit_never_emptied ON audit_event;
DROP TABLE audit_dropped_month, audit_seal_mark, audit_seal;
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0003_row_events")]
    operations = [
        migrations.RunSQL(TABLES + APPEND_ONLY, UNDO),
        migrations.CreateModel(
            name="AuditSeal",
            fields=[
                ("number", models.BigIntegerField(primary_key=True, serialize=False)),
                ("first_id", models.BigIntegerField()),
                ("last_id", models.BigIntegerField()),
                ("month", models.DateField()),
                ("events", models.BigIntegerField()),
                ("digest", models.BinaryField()),
                ("previous", models.BinaryField()),
                ("hash", models.BinaryField()),
                ("sealed_at", models.DateTimeField()),
            ],
            options={"managed": False, "db_table": "audit_seal", "ordering": ["number"]},
        ),
    ]
