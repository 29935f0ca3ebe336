"""Which project does a call mean? By the id of its path, or as its body or query names it."""

from typing import Final
from uuid import UUID

from k8s4r.access import selectors
from k8s4r.access.models import Project
from k8s4r.access.principals import Principal
from k8s4r.core.errors import FieldProblem, Invalid, NotFound
from k8s4r.core.roles import Permission

IN_BODY: Final = "/project"


def project_at(
    project_id: UUID, principal: Principal, needs: Permission = Permission.PROJECT_READ
) -> Project:
    """Return a project, for a call that needs this permission in it.

    Raises:
        NotFound: there is none, or not for this caller.
        Forbidden: the caller may see it, and no more.
    """
    row = selectors.projects(principal).filter(pk=project_id).first()
    if row is None:
        raise NotFound(f"no project {project_id}")
    principal.require(needs, row.pk)
    return row


def project_named(
    text: str,
    principal: Principal,
    needs: Permission = Permission.PROJECT_READ,
    *,
    at: str = IN_BODY,
) -> Project:
    """Return the project that a call names by its name or id at ``at``.

    Raises:
        Invalid: there is none for the caller.
        Forbidden: the caller may not do this in it.
    """
    try:
        row = selectors.project_named(text, principal)
    except NotFound as error:
        raise Invalid(error.message, errors=[FieldProblem(at, "unknown", error.message)]) from error
    principal.require(needs, row.pk)
    return row
