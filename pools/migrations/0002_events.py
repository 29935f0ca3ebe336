"""Pools leave an event for each change of a setting; members are told with their pool."""

from django.db import migrations

from k8s4r.audit.watching import UNTIL_ARCHIVED, Watched, watch

POOL = Watched(
    table="pools_pool",
    kind="pool",
    project="r.project_id",
    state=UNTIL_ARCHIVED,
    moment="r.changed_at",
    unread=("cursor", "passes", "created_at", "changed_at"),
)
MEMBERSHIP = Watched(
    table="pools_membership",
    kind="pool_member",
    identity="r.pool_id",
    project="(SELECT p.project_id FROM pools_pool p WHERE p.id = r.pool_id)",
    unread=("pool_id", "added_at"),
)


class Migration(migrations.Migration):
    dependencies = [("pools", "0001_initial"), ("audit", "0003_row_events")]
    operations = [watch(POOL, MEMBERSHIP)]
