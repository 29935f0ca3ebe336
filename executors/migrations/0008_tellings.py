"""What the work of an attempt tells of itself: its progress, and annotations."""

import django.db.models.deletion
from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models

import k8s4r.clock

_STYLES = ["error", "info", "success", "warning"]


class Migration(migrations.Migration):
    dependencies = [("executors", "0007_task_by_label")]

    operations = [
        migrations.AddField(
            model_name="task", name="progress", field=models.FloatField(blank=True, null=True)
        ),
        migrations.AddField(
            model_name="task",
            name="progress_text",
            field=models.CharField(blank=True, db_default="", default="", max_length=200),
        ),
        migrations.AddField(
            model_name="task",
            name="progress_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="task",
            name="progress_attempt",
            field=models.IntegerField(blank=True, null=True),
        ),
        AddConstraintNotValid(
            model_name="task",
            constraint=models.CheckConstraint(
                condition=models.Q(("progress__gte", 0), ("progress__lte", 1)),
                name="task_progress_bounds",
            ),
        ),
        migrations.CreateModel(
            name="Annotation",
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
                ("context", models.CharField(max_length=63)),
                ("style", models.CharField(max_length=8)),
                ("text", models.TextField()),
                ("told_at", models.DateTimeField()),
                (
                    "attempt",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="executors.attempt",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("attempt", "context"), name="annotation_context_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("style__in", _STYLES)), name="annotation_style_known"
                    ),
                ]
            },
        ),
    ]
