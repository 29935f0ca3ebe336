"""Which kinds of caller may use a view? Without an answer of its own: none."""

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from k8s4r.access.principals import Principal, PrincipalKind


class DenyAll(BasePermission):
    """The default: a view that forgot to say whom it serves serves nobody."""

    def has_permission(self, request: Request, view: object) -> bool:
        return False


class IsPerson(BasePermission):
    """People and integrations that act for them."""

    message = "only people may do this"

    def has_permission(self, request: Request, view: object) -> bool:
        principal = request.auth
        return isinstance(principal, Principal) and principal.kind is PrincipalKind.PERSON
