"""A task whose time is over leaves a last event; its attempts and output go with it."""

from django.db import migrations

from k8s4r.audit.watching import Watched, watch

# The values of a task are what retention is to delete: its last event only says that it was.
TASK = Watched(
    table="executors_task",
    kind="task",
    project="r.project_id",
    state="r.state",
    unread=("*",),
)


class Migration(migrations.Migration):
    dependencies = [("executors", "0004_two_steps"), ("audit", "0003_row_events")]
    operations = [watch(TASK, operations=("DELETE",))]
