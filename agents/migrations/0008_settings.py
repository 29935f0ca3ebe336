"""Settings flow down to agents, and each runner says which it runs with."""

from typing import ClassVar

from django.db import migrations, models
from django.db.models import Value


class Migration(migrations.Migration):
    dependencies: ClassVar = [("agents", "0007_not_now")]
    operations: ClassVar = [
        migrations.AddField(
            "agent",
            "settings",
            models.JSONField(blank=True, db_default=Value({}, models.JSONField()), default=dict),
        ),
        migrations.AddField(
            "agent", "settings_version", models.PositiveIntegerField(db_default=0, default=0)
        ),
        migrations.AddField(
            "session", "settings_version", models.PositiveIntegerField(db_default=0, default=0)
        ),
    ]
