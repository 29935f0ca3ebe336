"""Each event says with which token and from which address its change came.

Both are defaults that read the transaction's settings: the functions that write events, those of
old code too, need not know of them. An index each for what people ask the whole history.
"""

from django.db import migrations, models

COLUMNS = """
ALTER TABLE audit_event ADD COLUMN token_id uuid, ADD COLUMN address text NOT NULL DEFAULT '';
ALTER TABLE audit_event
    ALTER COLUMN token_id SET DEFAULT nullif(current_setting('k8s4r.token_id', true), '')::uuid,
    ALTER COLUMN address SET DEFAULT coalesce(current_setting('k8s4r.address', true), '');
"""

# Partial: the busy events are those of agents about tasks, and they enter neither of the two.
INDEXES = """
CREATE INDEX audit_event_person ON audit_event (actor_id, id) WHERE actor_kind = 'user';
CREATE INDEX audit_event_thing ON audit_event (object_type, id)
    WHERE object_type <> 'task' AND object_type <> 'attempt';
"""

UNDO = """
DROP INDEX audit_event_person, audit_event_thing;
ALTER TABLE audit_event DROP COLUMN token_id, DROP COLUMN address;
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]
    operations = [
        migrations.RunSQL(
            COLUMNS + INDEXES,
            UNDO,
            state_operations=[
                migrations.AddField("auditevent", "token_id", models.UUIDField(null=True)),
                migrations.AddField(
                    "auditevent", "address", models.CharField(default="", max_length=64)
                ),
            ],
        )
    ]
