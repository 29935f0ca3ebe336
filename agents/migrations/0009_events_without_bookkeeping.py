"""Who asked and when stands in the event itself, and a version counts changes that have events."""

from dataclasses import replace
from importlib import import_module

from django.db import migrations

from k8s4r.audit.watching import watch

AGENT = import_module("agents.migrations.0004_events_of_settings").AGENT
_BEFORE = watch(AGENT)
_TOLD = replace(AGENT, unread=(*AGENT.unread, "desired_by", "desired_at", "settings_version"))


class Migration(migrations.Migration):
    dependencies = [("agents", "0008_settings")]
    operations = [
        migrations.RunSQL(_BEFORE.reverse_sql, _BEFORE.sql),
        watch(_TOLD),
    ]
