"""Totals of how tasks ended on each agent, which outlive the tasks; the next count fills them."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("agents", "0010_endpoint"),
        ("operating", "0003_events_of_targets"),
    ]
    operations = [
        migrations.CreateModel(
            name="AgentTotal",
            fields=[
                (
                    "agent",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="agents.agent",
                    ),
                ),
                ("total", models.PositiveBigIntegerField()),
                ("success", models.PositiveBigIntegerField()),
                ("failed", models.PositiveBigIntegerField()),
                ("counted_until", models.DateTimeField()),
            ],
        ),
    ]
