"""Notification targets leave an event for each change, without their address."""

from django.db import migrations

from k8s4r.audit.watching import Watched, watch

TARGET = Watched(
    table="operating_notificationtarget",
    kind="target",
    project="r.project_id",
    moment="r.changed_at",
    hidden=("encrypted_url",),
    unread=("looked_until", "created_at", "changed_at"),
)


class Migration(migrations.Migration):
    dependencies = [("operating", "0002_notices"), ("audit", "0003_row_events")]
    operations = [watch(TARGET)]
