"""The bounds of a task's progress, validated while tasks come and go."""

from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("executors", "0008_tellings")]

    operations = [ValidateConstraint(model_name="task", name="task_progress_bounds")]
