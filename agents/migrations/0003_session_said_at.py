"""When a runner last said what it has: an older word that comes late must not count."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("agents", "0002_laws")]
    operations = [
        migrations.AddField("session", "said_at", models.FloatField(blank=True, null=True)),
    ]
