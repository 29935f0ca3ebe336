"""Which pods of a pool never worked, when did one last, and which pods did a task have?"""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("pools", "0008_laws_of_pods")]
    operations = [
        migrations.AddIndex(
            model_name="pod",
            index=models.Index(
                condition=~Q(failure="") & Q(ready_at__isnull=True),
                fields=["pool", "created_at"],
                name="pod_never_worked",
            ),
        ),
        migrations.AddIndex(
            model_name="pod",
            index=models.Index(
                condition=Q(ready_at__isnull=False),
                fields=["pool", "ready_at"],
                name="pod_last_ready",
            ),
        ),
        migrations.AddIndex(
            model_name="pod",
            index=models.Index(
                condition=Q(task_id__isnull=False), fields=["task_id"], name="pod_by_task"
            ),
        ),
    ]
