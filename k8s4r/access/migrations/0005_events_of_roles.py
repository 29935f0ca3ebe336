"""Roles that are given and taken leave an event with their project."""

from django.db import migrations

from k8s4r.audit.watching import Watched, watch

MEMBERSHIP = Watched(
    table="access_membership",
    kind="role",
    identity="r.user_id",
    project="r.project_id",
    unread=("user_id", "added_at"),
)


class Migration(migrations.Migration):
    dependencies = [("access", "0004_token_scopes")]
    operations = [watch(MEMBERSHIP)]
