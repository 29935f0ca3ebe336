"""What each dispatch pass of a pool did, as far back as anybody asks."""

from typing import ClassVar

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("pools", "0004_sharing")]
    operations: ClassVar = [
        migrations.CreateModel(
            "Decision",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("at", models.DateTimeField()),
                ("placed", models.PositiveIntegerField()),
                ("assignments", models.JSONField()),
                ("left", models.JSONField()),
                (
                    "pool",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="pools.pool",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["pool", "-id"], name="decision_newest")],
            },
        ),
    ]
