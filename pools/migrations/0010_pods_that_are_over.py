"""What retention looks for, and which budgets may be left in a cluster."""

from django.db import migrations, models
from django.db.models import Q, Value


class Migration(migrations.Migration):
    dependencies = [("pools", "0009_pods_that_failed")]
    operations = [
        migrations.AddField(
            model_name="reach",
            name="budgets",
            field=models.JSONField(
                blank=True, db_default=Value([], models.JSONField()), default=list
            ),
        ),
        migrations.AddIndex(
            model_name="pod",
            index=models.Index(condition=Q(state="gone"), fields=["gone_at"], name="pod_gone"),
        ),
        migrations.AddIndex(
            model_name="podaction",
            index=models.Index(
                condition=Q(done_at__isnull=False), fields=["done_at"], name="pod_action_over"
            ),
        ),
        migrations.AddIndex(
            model_name="scalingdecision",
            index=models.Index(fields=["until"], name="scaling_until"),
        ),
    ]
