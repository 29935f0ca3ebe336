"""People, groups, projects and tokens leave an event for each change, without any secret."""

from django.db import migrations

from k8s4r.audit.watching import Watched, watch

# Groups are Django's and have numbers: their events need an id like all others.
_NUMBER = "('00000000-0000-0000-0000-' || lpad({}::text, 12, '0'))::uuid"

USER = Watched(
    table="access_user",
    kind="user",
    state="CASE WHEN r.is_active THEN 'active' ELSE 'inactive' END",
    hidden=("password",),
    unread=("last_login", "date_joined"),
)
USER_GROUP = Watched(
    table="access_user_groups", kind="user_group", identity="r.user_id", unread=("user_id",)
)
USER_PERMISSION = Watched(
    table="access_user_user_permissions",
    kind="user_permission",
    identity="r.user_id",
    unread=("user_id",),
)
GROUP = Watched(table="auth_group", kind="group", identity=_NUMBER.format("r.id"))
GROUP_PERMISSION = Watched(
    table="auth_group_permissions",
    kind="group_permission",
    identity=_NUMBER.format("r.group_id"),
    unread=("group_id",),
)
PROJECT = Watched(
    table="access_project", kind="project", project="r.id", unread=("created_at",)
)
TOKEN = Watched(
    table="access_token",
    kind="token",
    project="r.project_id",
    state="CASE WHEN r.revoked_at IS NOT NULL THEN 'revoked'"
    " WHEN r.uses >= r.max_uses THEN 'used_up' WHEN r.rotating THEN 'rotating' ELSE 'active' END",
    agent="coalesce(r.subject::text, '')",
    hidden=("digest",),
    unread=("used_at", "created_at"),
)


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0001_initial"),
        ("audit", "0003_row_events"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]
    operations = [
        watch(USER, USER_GROUP, USER_PERMISSION, GROUP, GROUP_PERMISSION, PROJECT, TOKEN)
    ]
