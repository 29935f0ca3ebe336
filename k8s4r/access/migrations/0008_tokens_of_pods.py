"""Tokens of pods end by the hour: who asks for those that are not revoked reads no others.

Heartbeats ask so for their agents, and a job for what is an hour old.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("access", "0007_events_of_second_factors")]
    operations = [
        migrations.AddIndex(
            "token",
            models.Index(
                fields=["subject"],
                condition=models.Q(revoked_at=None),
                name="token_subject_not_revoked",
            ),
        ),
    ]
