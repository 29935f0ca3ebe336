"""A wish says why, by whom, since when, and until when."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("agents", "0005_generation")]
    operations: ClassVar = [
        migrations.AddField(
            "agent",
            "desired_note",
            models.CharField(blank=True, db_default="", default="", max_length=4096),
        ),
        migrations.AddField(
            "agent",
            "desired_by",
            models.CharField(blank=True, db_default="", default="", max_length=150),
        ),
        migrations.AddField("agent", "desired_at", models.DateTimeField(blank=True, null=True)),
        migrations.AddField(
            "agent",
            "desired_until",
            models.DateTimeField(
                blank=True, help_text="Ends a pause; of a drain: when people expect it back.", null=True
            ),
        ),
    ]
