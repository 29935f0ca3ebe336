"""Whom to tell of what, and what was told."""

import django.db.models.deletion
import k8s4r.clock
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0001_initial"),
        ("operating", "0001_outcomes"),
        ("pools", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="NotificationTarget",
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
                ("name", models.SlugField(max_length=63)),
                ("events", models.JSONField(default=list)),
                ("labels", models.JSONField(blank=True, default=dict)),
                (
                    "min_severity",
                    models.CharField(
                        default="info", max_length=8
                    ),
                ),
                ("queue_age_s", models.PositiveIntegerField(default=900)),
                ("encrypted_url", models.TextField()),
                ("url_shown", models.CharField(max_length=253)),
                ("paused", models.BooleanField(default=False)),
                ("looked_until", models.DateTimeField()),
                ("created_at", models.DateTimeField()),
                ("changed_at", models.DateTimeField()),
                (
                    "pool",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="pools.pool",
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="access.project",
                    ),
                ),
            ],
            options={
                "ordering": ["name", "id"],
            },
        ),
        migrations.CreateModel(
            name="Notification",
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
                ("event", models.CharField(max_length=16)),
                (
                    "kind",
                    models.CharField(
                        default="problem", max_length=8
                    ),
                ),
                ("severity", models.CharField(max_length=8)),
                ("subject", models.CharField(blank=True, default="", max_length=64)),
                ("title", models.CharField(max_length=300)),
                ("body", models.CharField(blank=True, default="", max_length=4096)),
                (
                    "state",
                    models.CharField(
                        default="waiting", max_length=9
                    ),
                ),
                ("tries", models.PositiveSmallIntegerField(default=0)),
                ("next_try_at", models.DateTimeField()),
                ("last_error", models.CharField(blank=True, default="", max_length=500)),
                ("created_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                ("over_at", models.DateTimeField(blank=True, null=True)),
                (
                    "target",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="operating.notificationtarget",
                    ),
                ),
            ],
            options={
                "ordering": ["-created_at", "-id"],
            },
        ),
        migrations.AddConstraint(
            model_name="notificationtarget",
            constraint=models.UniqueConstraint(
                fields=("project", "name"), name="target_name_once", nulls_distinct=False
            ),
        ),
        migrations.AddConstraint(
            model_name="notificationtarget",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("events__contained_by", ["task_failed", "agent_offline", "queue_too_old"])
                ),
                name="target_events_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="notificationtarget",
            constraint=models.CheckConstraint(
                condition=models.Q(("min_severity__in", ["info", "warning", "critical"])),
                name="target_severity_known",
            ),
        ),
        migrations.AddIndex(
            model_name="notification",
            index=models.Index(
                condition=models.Q(("state", "waiting")),
                fields=["next_try_at"],
                name="notification_due",
            ),
        ),
        migrations.AddIndex(
            model_name="notification",
            index=models.Index(fields=["-created_at", "-id"], name="notification_newest"),
        ),
        migrations.AddConstraint(
            model_name="notification",
            constraint=models.UniqueConstraint(
                condition=models.Q(
                    ("kind", "problem"),
                    ("over_at__isnull", True),
                    models.Q(
                        ("event", "test"), _negated=True
                    ),
                ),
                fields=("target", "event", "subject"),
                name="notification_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="notification",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["waiting", "delivered", "dead"])),
                name="notification_state_known",
            ),
        ),
    ]
