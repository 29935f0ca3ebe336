"""What stands in the sidebar of the operators' pages?"""

from typing import Any, Final

from django.http import HttpRequest
from django.urls import reverse

from k8s4r.access.pages import may
from k8s4r.core.roles import Permission

_GROUPS: Final = {
    "Work": [
        ("Overview", "dashboard", "admin:index", ""),
        ("Tasks", "play_circle", "admin:executors_task_changelist", Permission.TASKS_READ),
        ("Agents", "dns", "admin:agents_agent_changelist", Permission.FLEET_READ),
        ("Pools", "lan", "admin:pools_pool_changelist", Permission.FLEET_READ),
        ("Pods", "deployed_code", "admin:pools_pod_changelist", Permission.FLEET_READ),
        ("Clusters", "cloud", "admin:pools_k8sconfig_changelist", Permission.FLEET_READ),
    ],
    "People": [
        ("Projects", "folder", "admin:access_project_changelist", Permission.PROJECT_READ),
        ("Users", "person", "admin:access_user_changelist", "access.view_user"),
        ("Roles", "badge", "admin:access_membership_changelist", "access.view_membership"),
        ("Groups", "group", "admin:auth_group_changelist", "auth.view_group"),
        ("Tokens", "key", "admin:access_token_changelist", "access.view_token"),
    ],
    "Records": [
        ("Events", "history", "admin:audit_auditevent_changelist", Permission.AUDIT_READ),
        (
            "Notifications",
            "notifications",
            "admin:operating_notification_changelist",
            "operating.view_notification",
        ),
        (
            "Targets",
            "campaign",
            "admin:operating_notificationtarget_changelist",
            "operating.view_notificationtarget",
        ),
    ],
}


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the groups and in each the pages that this person may open."""
    groups = [
        {
            "title": title,
            "items": [
                {"title": name, "icon": icon, "link": reverse(route)}
                for name, icon, route, permission in pages
                if _may_open(request, permission)
            ],
        }
        for title, pages in _GROUPS.items()
    ]
    return [group for group in groups if group["items"]]


def _may_open(request: HttpRequest, permission: str) -> bool:
    """Work is seen by role, the records of people by Django's own permissions."""
    if isinstance(permission, Permission):
        return may(request, permission)
    return not permission or request.user.has_perm(permission)
