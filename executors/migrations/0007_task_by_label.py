"""The index by which tasks are found by their own labels; made while tasks come and go."""

import django.contrib.postgres.indexes
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("executors", "0006_task_labels")]

    operations = [
        AddIndexConcurrently(
            model_name="task",
            index=django.contrib.postgres.indexes.GinIndex(
                condition=models.Q(("labels", {}), _negated=True),
                fields=["labels"],
                name="task_by_label",
                opclasses=["jsonb_path_ops"],
            ),
        ),
    ]
