"""What may a person do, by which role, and in which project?

Roles are given per project, or for every project. Nothing is allowed that no role allows. The
split of duties is that of NIST SP 800-53, AC-5: who hands out tokens runs nothing, who approves
does not submit, who reads the audit changes nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final
from uuid import UUID


class Permission(StrEnum):
    """One thing that a call may need. API tokens name these as their scopes."""

    PROJECT_READ = "project.read"
    PROJECT_WRITE = "project.write"
    TASKS_READ = "tasks.read"
    TASKS_WRITE = "tasks.write"
    TASKS_APPROVE = "tasks.approve"
    FLEET_READ = "fleet.read"
    FLEET_WRITE = "fleet.write"
    TOKENS_READ = "tokens.read"
    TOKENS_WRITE = "tokens.write"
    MEMBERS_READ = "members.read"
    MEMBERS_WRITE = "members.write"
    AUDIT_READ = "audit.read"


class Role(StrEnum):
    """What a person is in a project; a person may be several things."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    APPROVER = "approver"
    FLEET_ADMIN = "fleet_admin"
    AUDITOR = "auditor"
    SECURITY_ADMIN = "security_admin"


ALL: Final = frozenset(Permission)
_VIEWS: Final = frozenset(
    {Permission.PROJECT_READ, Permission.TASKS_READ, Permission.FLEET_READ}
)  # fmt: skip
ALLOWED: Final[Mapping[Role, frozenset[Permission]]] = {
    Role.VIEWER: _VIEWS,
    Role.OPERATOR: _VIEWS | {Permission.TASKS_WRITE},
    Role.APPROVER: _VIEWS | {Permission.TASKS_APPROVE},
    Role.FLEET_ADMIN: _VIEWS
    | {
        Permission.PROJECT_WRITE,
        Permission.FLEET_WRITE,
        Permission.TOKENS_READ,
        Permission.TOKENS_WRITE,
        Permission.MEMBERS_READ,
    },
    Role.AUDITOR: frozenset(
        {Permission.PROJECT_READ, Permission.MEMBERS_READ, Permission.AUDIT_READ}
    ),
    Role.SECURITY_ADMIN: frozenset(
        {
            Permission.PROJECT_READ,
            Permission.FLEET_READ,
            Permission.TOKENS_READ,
            Permission.TOKENS_WRITE,
            Permission.MEMBERS_READ,
            Permission.MEMBERS_WRITE,
        }
    ),
}


@dataclass(frozen=True, slots=True)
class Rights:
    """What one caller may do: in every project, and further in some."""

    everywhere: frozenset[Permission] = frozenset()
    in_projects: Mapping[UUID, frozenset[Permission]] = field(default_factory=dict)

    def may(self, permission: Permission, project_id: UUID | None) -> bool:
        """Is this allowed in that project; without one, for what belongs to none?"""
        own = self.in_projects.get(project_id, frozenset()) if project_id else frozenset()
        return permission in self.everywhere or permission in own

    def anywhere(self, permission: Permission) -> bool:
        """Is this allowed in at least one project?"""
        return permission in self.everywhere or any(
            permission in own for own in self.in_projects.values()
        )

    def projects(self, permission: Permission) -> frozenset[UUID] | None:
        """Return the projects in which this is allowed; ``None`` means every one there is."""
        if permission in self.everywhere:
            return None
        return frozenset(
            project_id for project_id, own in self.in_projects.items() if permission in own
        )

    def within(self, project_id: UUID) -> "Rights":
        """Return what is left of these in one project alone."""
        return Rights(
            in_projects={
                project_id: self.everywhere | self.in_projects.get(project_id, frozenset())
            }
        )

    def scoped(self, scopes: Iterable[str]) -> "Rights":
        """Return what is left of these for a token with scopes; one without has all."""
        kept = frozenset(Permission(scope) for scope in scopes)
        if not kept:
            return self
        return Rights(
            self.everywhere & kept,
            {project_id: own & kept for project_id, own in self.in_projects.items()},
        )


EVERYTHING: Final = Rights(everywhere=ALL)
NOTHING: Final = Rights()


def rights(given: Iterable[tuple[UUID | None, str]]) -> Rights:
    """Return what roles allow, each in its project; without one, in every project."""
    everywhere: frozenset[Permission] = frozenset()
    in_projects: dict[UUID, frozenset[Permission]] = {}
    for project_id, role in given:
        allowed = ALLOWED[Role(role)]
        if project_id is None:
            everywhere |= allowed
        else:
            in_projects[project_id] = in_projects.get(project_id, frozenset()) | allowed
    return Rights(everywhere, in_projects)
