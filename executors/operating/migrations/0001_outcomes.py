"""Totals of how tasks ended, which outlive the tasks."""

from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.CreateModel(
            name="Outcome",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("state", models.CharField(max_length=16)),
                ("reason", models.CharField(blank=True, default="", max_length=64)),
                ("tasks", models.PositiveBigIntegerField()),
                ("counted_until", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("state", "reason"), name="outcome_once")
                ],
            },
        ),
    ]
