"""A pause says why, by whom and until when; windows say when a pool starts no new work."""

from typing import ClassVar

from django.db import migrations, models
from django.db.models import Value


class Migration(migrations.Migration):
    dependencies: ClassVar = [("pools", "0002_events")]
    operations: ClassVar = [
        migrations.AddField(
            "pool",
            "paused_reason",
            models.CharField(blank=True, db_default="", default="", max_length=4096),
        ),
        migrations.AddField(
            "pool",
            "paused_by",
            models.CharField(blank=True, db_default="", default="", max_length=150),
        ),
        migrations.AddField("pool", "paused_at", models.DateTimeField(blank=True, null=True)),
        migrations.AddField(
            "pool",
            "paused_until",
            models.DateTimeField(
                blank=True, help_text="Ends the pause; empty: only a person does.", null=True
            ),
        ),
        migrations.AddField(
            "pool",
            "windows",
            models.JSONField(blank=True, db_default=Value([], models.JSONField()), default=list),
        ),
        migrations.AddField(
            "pool",
            "open_until",
            models.DateTimeField(
                blank=True, help_text="Until then the windows do not count.", null=True
            ),
        ),
    ]
