"""A pool may be shared with other projects, and weigh the projects that queue in it."""

from typing import ClassVar

from django.db import migrations, models
from django.db.models import Value


class Migration(migrations.Migration):
    dependencies: ClassVar = [("pools", "0003_pauses_and_windows")]
    operations: ClassVar = [
        migrations.AddField(
            "pool",
            "shared_with",
            models.JSONField(blank=True, db_default=Value([], models.JSONField()), default=list),
        ),
        migrations.AddField(
            "pool",
            "weights",
            models.JSONField(blank=True, db_default=Value({}, models.JSONField()), default=dict),
        ),
    ]
