"""Labels of a task's own, beside those that its agent must carry.

The column of the latter keeps its name, and the new one has a default of the database: programs of
an earlier version go on reading and writing what they know.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("executors", "0005_events_of_deletes")]

    operations = [
        migrations.AlterField(
            model_name="task",
            name="labels",
            field=models.JSONField(db_column="labels", default=dict),
        ),
        migrations.RenameField(model_name="task", old_name="labels", new_name="required_labels"),
        migrations.AddField(
            model_name="task",
            name="labels",
            field=models.JSONField(db_column="own_labels", db_default={}, default=dict),
        ),
    ]
