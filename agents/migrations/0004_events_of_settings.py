"""An agent's events tell every change of its row: wish, fact, labels, name and the rest."""

from importlib import import_module

from django.db import migrations

from k8s4r.audit.watching import Watched, watch

_LAWS = import_module("agents.migrations.0002_laws")

AGENT = Watched(
    table="agents_agent",
    kind="agent",
    project="r.project_id",
    state="r.observed",
    moment="r.changed_at",
    agent="r.id::text",
    unread=("device_info", "last_assigned_at", "created_at", "changed_at"),
)


class Migration(migrations.Migration):
    dependencies = [("agents", "0003_session_said_at"), ("audit", "0003_row_events")]
    operations = [
        migrations.RunSQL(_LAWS.UNDO, _LAWS.EVENTS.partition("ALTER TABLE")[0]),
        watch(AGENT),
    ]
