"""Who acts on the operators' pages?"""

from django.http import HttpRequest

from k8s4r.access import selectors
from k8s4r.access.models import User
from k8s4r.access.principals import Principal


def principal_of(request: HttpRequest) -> Principal:
    """Return who acts on this page, as services know callers; looked up once per request."""
    known: Principal | None = getattr(request, "principal", None)
    if known is None:
        assert isinstance(request.user, User)
        known = selectors.person(request.user)
        request.principal = known  # type: ignore[attr-defined]
    return known
