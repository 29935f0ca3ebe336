"""Who asked and when stands in the event itself."""

from dataclasses import replace
from importlib import import_module

from django.db import migrations

from k8s4r.audit.watching import watch

POOL = import_module("pools.migrations.0002_events").POOL
_BEFORE = watch(POOL)
_TOLD = replace(POOL, unread=(*POOL.unread, "paused_by", "paused_at"))


class Migration(migrations.Migration):
    dependencies = [("pools", "0005_decisions")]
    operations = [
        migrations.RunSQL(_BEFORE.reverse_sql, _BEFORE.sql),
        watch(_TOLD),
    ]
