"""May this caller make this call at all? What a view declares decides; without it, nobody may.

Whether they may in the project of the object that the call is about is asked again where the
object is known.
"""

from rest_framework.exceptions import MethodNotAllowed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from k8s4r.access.principals import Principal, PrincipalKind, refusal
from k8s4r.api.operations import operation_of
from k8s4r.core.errors import Forbidden


class Declared(BasePermission):
    """Lets people make the calls that views declare, where a role of theirs allows it."""

    message = "nobody may do this"

    def has_permission(self, request: Request, view: object) -> bool:
        """Check the caller.

        Raises:
            MethodNotAllowed: the view declares nothing for this method.
            Forbidden: no role of the caller allows it in any project.
        """
        principal = request.auth
        if not isinstance(principal, Principal):
            return False
        if principal.kind is not PrincipalKind.PERSON:
            raise Forbidden("only people may do this")
        method = str(request.method)
        declared = operation_of(view, method)
        if declared is None:
            raise MethodNotAllowed(method)
        if declared.needs is not None and not principal.rights.anywhere(declared.needs):
            raise refusal(declared.needs)
        return True
