"""Who acts on an operators' page, as services know callers?"""

from django.http import HttpRequest

from k8s4r.access.principals import Principal, PrincipalKind


def person_of(request: HttpRequest) -> Principal:
    """Return the person who is signed in; for pages that let nobody else in."""
    user = request.user
    assert user.pk is not None
    return Principal(
        kind=PrincipalKind.PERSON, id=user.pk, token_id=user.pk, name=user.get_username()
    )
