"""What stands on the page of one project?"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from django.http import HttpRequest

from agents.models import Agent
from executors.history import Span
from k8s4r.access import selectors as access
from k8s4r.access.models import Membership, Project
from k8s4r.access.pages import may, principal_of
from k8s4r.console import past
from k8s4r.console.past import Thing
from k8s4r.core.roles import ALLOWED, Permission, Role
from pools.models import Pool

MOST_MEMBERS: Final = 500
_MOST_POOLS: Final = 50
# What each role is for, in the words of a person who gives it.
MEANS: Final = {
    Role.VIEWER: "reads everything in it",
    Role.OPERATOR: "also runs, cancels and repeats tasks",
    Role.APPROVER: "also approves",
    Role.FLEET_ADMIN: "also looks after agents, pools and their tokens",
    Role.AUDITOR: "reads who did what, and no tasks",
    Role.SECURITY_ADMIN: "gives roles and tokens, and runs nothing",
}


@dataclass(frozen=True, slots=True)
class Member:
    """A person with what they are here, and in every project."""

    name: str
    roles: tuple[str, ...]
    everywhere: tuple[str, ...]
    may_change: bool


def facts(request: HttpRequest, project: Project) -> dict[str, Any]:
    """Return what the page shows beside the form; a constant number of queries."""
    reads_members = may(request, Permission.MEMBERS_READ, project.pk)
    gives = may(request, Permission.MEMBERS_WRITE, project.pk)
    return {
        "project": project,
        "reads_members": reads_members,
        "gives": gives,
        "members": members(request, project, gives=gives) if reads_members else [],
        "roles": [(str(role), MEANS[role]) for role in Role],
        "wanted": {"user": request.GET.get("user", ""), "role": request.GET.get("role", "")},
        "readers": _having(Permission.MEMBERS_READ),
        "givers": _having(Permission.MEMBERS_WRITE),
        "changers": _having(Permission.PROJECT_WRITE),
        "may_change": may(request, Permission.PROJECT_WRITE, project.pk),
        "places": _places(request, project),
        "box": past.box(request, Thing("project", project.pk, project.pk), Span(limit=past.FEW)),
        "cli": f"k8s4r share {project.name} NAME --role viewer",
        "json": f"/api/v1/projects/{project.pk}",
    }


def members(request: HttpRequest, project: Project, *, gives: bool) -> list[Member]:
    """Return who has which roles here, by name; nobody changes their own, but a superuser."""
    rows: dict[str, list[Membership]] = {}
    for row in access.members(project)[: MOST_MEMBERS * len(Role)]:
        rows.setdefault(row.user.username, []).append(row)
    own, is_free = request.user.get_username(), request.user.is_superuser
    return [
        Member(
            name,
            _roles(row for row in given if row.project_id),
            _roles(row for row in given if not row.project_id),
            gives and (is_free or name != own),
        )
        for name, given in list(rows.items())[:MOST_MEMBERS]
    ]


def _roles(rows: Iterable[Membership]) -> tuple[str, ...]:
    return tuple(row.role for row in rows)


def _having(permission: Permission) -> str:
    """Return which roles have a permission, for who has not."""
    return " or ".join(role for role, allowed in ALLOWED.items() if permission in allowed)


def _places(request: HttpRequest, project: Project) -> dict[str, Any]:
    """Return what is in it, as far as this person sees that."""
    sees_fleet = may(request, Permission.FLEET_READ, project.pk)
    rows = Pool.objects.filter(project=project, archived_at=None).order_by("name")
    agents = Agent.objects.filter(project=project, archived_at=None)
    principal = principal_of(request)
    return {
        "pools": list(rows[:_MOST_POOLS]) if sees_fleet else [],
        "agents": agents.count() if sees_fleet else None,
        "reads_tasks": principal.may(Permission.TASKS_READ, project.pk),
    }
