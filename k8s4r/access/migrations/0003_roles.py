"""Roles of people per project."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from k8s4r import clock

ROLES = ["viewer", "operator", "approver", "fleet_admin", "auditor", "security_admin"]


class Migration(migrations.Migration):
    dependencies = [("access", "0002_events")]
    operations = [
        migrations.CreateModel(
            name="Membership",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=clock.new_id, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("role", models.CharField(choices=[(r, r) for r in ROLES], max_length=16)),
                ("added_at", models.DateTimeField()),
                (
                    "project",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="access.project",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["user__username", "role"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("user", "project", "role"),
                        name="role_once",
                        nulls_distinct=False,
                    ),
                    models.CheckConstraint(condition=models.Q(role__in=ROLES), name="role_known"),
                ],
            },
        ),
    ]
