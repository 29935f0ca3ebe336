"""People say where an agent's machine is reached; each change has its event, like the name's."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("agents", "0009_events_without_bookkeeping")]
    operations: ClassVar = [
        migrations.AddField(
            "agent",
            "endpoint",
            models.CharField(blank=True, db_default="", default="", max_length=2048),
        ),
    ]
