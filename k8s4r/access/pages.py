"""Who acts on the operators' pages, and what of them is theirs?"""

from typing import TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet
from django.http import HttpRequest

from k8s4r.access import selectors
from k8s4r.access.models import User
from k8s4r.access.principals import Principal
from k8s4r.core.roles import Permission

M = TypeVar("M", bound=Model)


def principal_of(request: HttpRequest) -> Principal:
    """Return who acts on this page, as services know callers; looked up once per request."""
    known: Principal | None = getattr(request, "principal", None)
    if known is None:
        assert isinstance(request.user, User)
        known = selectors.person(request.user)
        request.principal = known  # type: ignore[attr-defined]
    return known


def may(request: HttpRequest, permission: Permission, project_id: UUID | None = None) -> bool:
    """Is this allowed on this page in that project; without one, in any?"""
    if not request.user.is_active:
        return False
    rights = principal_of(request).rights
    if project_id is None:
        return rights.anywhere(permission)
    return rights.may(permission, project_id)


def within(request: HttpRequest, permission: Permission, rows: QuerySet[M]) -> QuerySet[M]:
    """Return those rows in whose project this is allowed to the person."""
    return selectors.within(rows, principal_of(request), permission)
