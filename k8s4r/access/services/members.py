"""Who is what in a project? Roles are given and taken, never one's own."""

from collections.abc import Collection
from datetime import datetime

from django.db import transaction

from k8s4r.access import selectors
from k8s4r.access.models import Membership, Project, User
from k8s4r.access.principals import Principal
from k8s4r.audit import attribution
from k8s4r.core.errors import FieldProblem, Forbidden, Invalid, NotFound
from k8s4r.core.roles import Permission, Role


@transaction.atomic
def give(
    project: Project, name: str, roles: Collection[Role], *, by: Principal, now: datetime
) -> User:
    """Give a person roles in a project, beside those they have there.

    Raises:
        Invalid: nobody has this user name.
        Forbidden: the caller may not change roles here, or these would be their own.
    """
    user = _other(project, name, by)
    attribution.attribute(by.actor, cause="give_roles")
    Membership.objects.bulk_create(
        [Membership(user=user, project=project, role=role, added_at=now) for role in sorted(roles)],
        ignore_conflicts=True,
    )
    return user


@transaction.atomic
def replace(
    project: Project, name: str, roles: Collection[Role], *, by: Principal, now: datetime
) -> User:
    """Give a person these roles in a project and take those that they have beside them.

    Raises:
        Invalid: nobody has this user name.
        Forbidden: the caller may not change roles here, or these would be their own.
    """
    user = give(project, name, roles, by=by, now=now)
    attribution.attribute(by.actor, cause="change_roles")
    Membership.objects.filter(user=user, project=project).exclude(role__in=roles).delete()
    return user


@transaction.atomic
def take(project: Project, name: str, roles: Collection[Role] = (), *, by: Principal) -> None:
    """Take roles in a project from a person; without roles, all that they have there.

    Raises:
        NotFound: they have none of these there.
        Forbidden: the caller may not change roles here, or these would be their own.
    """
    try:
        user = _other(project, name, by)
    except Invalid as error:
        raise NotFound(error.message) from error
    attribution.attribute(by.actor, cause="take_roles")
    rows = Membership.objects.filter(user=user, project=project)
    taken, _ = (rows.filter(role__in=roles) if roles else rows).delete()
    if not taken:
        raise NotFound(f"{name} has no such role in project {project.name}")


def _other(project: Project, name: str, by: Principal) -> User:
    by.require(Permission.MEMBERS_WRITE, project.pk)
    try:
        user = selectors.user_named(name)
    except NotFound as error:
        detail = f"{error.message}: an administrator makes one on the console's page of users"
        problem = FieldProblem("/user", "unknown", detail)
        raise Invalid(problem.detail, errors=[problem]) from error
    if user.pk == by.id and not user.is_superuser:
        raise Forbidden("nobody changes their own roles: ask another security admin")
    return user
