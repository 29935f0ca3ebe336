"""Tokens of people that are good for some permissions only."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("access", "0003_roles")]
    operations = [
        migrations.AddField(
            model_name="token",
            name="scopes",
            field=models.JSONField(
                blank=True,
                db_default=[],
                default=list,
                help_text="Person: the permissions it is good for; none: all.",
            ),
        ),
    ]
