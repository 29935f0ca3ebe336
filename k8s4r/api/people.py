"""Second factors of people over REST: who has one, and help for who lost theirs.

Setting one up is for its owner alone, on the page of their account: a token proves no person.
"""

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from k8s4r import clock
from k8s4r.access import selectors
from k8s4r.access.models import User
from k8s4r.access.services import second_factor
from k8s4r.api import answers
from k8s4r.api.operations import operation
from k8s4r.api.requests import principal_of
from k8s4r.api.views import View
from k8s4r.core.roles import Permission


class SecondFactorView(View):
    """``GET users/{user}/second-factor``, ``DELETE users/{user}/second-factor``."""

    @operation(
        needs=Permission.MEMBERS_READ,
        answers={200: answers.SecondFactor},
    )
    def get(self, request: Request, user: str) -> Response:
        """Show whether a person has a second factor, and whether their roles need one."""
        principal_of(request).require(Permission.MEMBERS_READ, None)
        return Response(shape(selectors.user_named(user)))

    @operation(
        needs=Permission.MEMBERS_WRITE,
        answers={204: None},
    )
    def delete(self, request: Request, user: str) -> Response:
        """Reset the second factor of somebody who lost theirs; all their sessions end."""
        second_factor.reset(user, by=principal_of(request), now=clock.now())
        return Response(status=204)


def shape(user: User) -> dict[str, Any]:
    """Return what is told of a person's second factor; never its secret or its codes."""
    row = selectors.factor_of(user.pk)
    return {
        "user": user.username,
        "user_id": user.pk,
        "on": row is not None,
        "since": row.confirmed_at if row else None,
        "recovery_codes_left": len(row.recovery_digests) if row else 0,
        "needed": selectors.needs_factor(user),
    }
