"""Somebody may be told that a plan waits for a decision."""

from django.db import migrations, models

_EVENTS = ["task_failed", "agent_offline", "queue_too_old", "approval_required"]


class Migration(migrations.Migration):
    dependencies = [("operating", "0004_agent_totals")]
    operations = [
        migrations.AlterField("notification", "event", models.CharField(max_length=32)),
        migrations.RemoveConstraint("notificationtarget", "target_events_known"),
        migrations.AddConstraint(
            "notificationtarget",
            models.CheckConstraint(
                condition=models.Q(events__contained_by=_EVENTS), name="target_events_known"
            ),
        ),
    ]
