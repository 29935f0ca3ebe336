"""Which life of the database this is: one more after each restore."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("agents", "0004_events_of_settings")]
    operations = [
        migrations.CreateModel(
            name="Generation",
            fields=[
                ("number", models.PositiveIntegerField(primary_key=True, serialize=False)),
                ("began_at", models.DateTimeField()),
                ("backup_at", models.DateTimeField(blank=True, null=True)),
            ],
        ),
    ]
