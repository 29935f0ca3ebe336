"""Answers of every POST are kept: where the thing is, and which member was a secret and is not.

The database has the defaults: processes of before write rows without these columns.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("api", "0001_initial")]
    operations = [
        migrations.AddField(
            model_name="idempotencyrecord",
            name="location",
            field=models.CharField(db_default="", max_length=255),
        ),
        migrations.AddField(
            model_name="idempotencyrecord",
            name="withheld",
            field=models.CharField(db_default="", max_length=32),
        ),
    ]
