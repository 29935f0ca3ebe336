"""Plans that wait for a decision, and what people decided about them."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import k8s4r.clock
from k8s4r.audit.watching import Watched, watch

# A decision is a line in the history of its task.
_OF_ATTEMPT = "(SELECT a.{} FROM executors_attempt a WHERE a.id = r.attempt_id)"
DECISION = Watched(
    table="executors_plandecision",
    kind="decision",
    identity=_OF_ATTEMPT.format("task_id"),
    project=_OF_ATTEMPT.format("project_id"),
    state="CASE WHEN r.is_approved THEN 'approved' ELSE 'rejected' END",
    moment="r.decided_at",
    unread=("id", "attempt_id", "is_approved", "person_id", "slot_id", "decided_at"),
)


class Migration(migrations.Migration):
    dependencies = [
        ("executors", "0009_progress_bounds"),
        ("agents", "0010_endpoint"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="task",
            name="reservation_timeout_s",
            field=models.PositiveIntegerField(db_default=86400, default=86400),
        ),
        migrations.AddField(
            model_name="attempt",
            name="reserved_until",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.CreateModel(
            name="PlanDecision",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=k8s4r.clock.new_id,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("is_approved", models.BooleanField()),
                ("comment", models.CharField(blank=True, max_length=4096)),
                ("plan_sha256", models.CharField(blank=True, max_length=64)),
                ("decided_at", models.DateTimeField()),
                (
                    "attempt",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="executors.attempt",
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "slot",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="agents.slot",
                    ),
                ),
            ],
        ),
        watch(DECISION, operations=("INSERT", "UPDATE")),
    ]
