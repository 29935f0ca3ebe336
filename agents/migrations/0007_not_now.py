"""An agent may ask for no work for now, and say why and until when."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("agents", "0006_notes_of_wishes")]
    operations: ClassVar = [
        migrations.AddField(
            "agent",
            "not_now_reason",
            models.CharField(blank=True, db_default="", default="", max_length=4096),
        ),
        migrations.AddField("agent", "not_now_since", models.DateTimeField(blank=True, null=True)),
        migrations.AddField("agent", "not_now_until", models.DateTimeField(blank=True, null=True)),
    ]
