"""The index by which plans are found whose time is over; made while attempts come and go."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("executors", "0010_approvals")]

    operations = [
        AddIndexConcurrently(
            model_name="attempt",
            index=models.Index(
                condition=models.Q(("state", "held")),
                fields=["reserved_until"],
                name="attempt_reserved_until",
            ),
        ),
    ]
