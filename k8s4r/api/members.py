"""Roles in a project over REST: who has which, give, take."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta
from rest_framework.request import Request
from rest_framework.response import Response

from k8s4r import clock
from k8s4r.access import selectors
from k8s4r.access.models import Membership, User
from k8s4r.access.services import members
from k8s4r.api import answers, paging, places
from k8s4r.api.operations import Repeats, operation
from k8s4r.api.requests import principal_of
from k8s4r.api.views import View
from k8s4r.core import conversion
from k8s4r.core.roles import Permission, Role


class NewMember(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``POST projects/{id}/members``: these roles, beside those the person has already."""

    user: Annotated[str, Meta(min_length=1, max_length=150)]
    roles: Annotated[list[Role], Meta(min_length=1, max_length=len(Role))]


class MembersView(View):
    """``GET projects/{id}/members``, ``POST projects/{id}/members``."""

    @operation(
        needs=Permission.MEMBERS_READ,
        query=paging.PageQuery,
        answers={200: answers.Page[answers.Member]},
    )
    def get(self, request: Request, project_id: UUID) -> Response:
        """List who has which roles here, by user name."""
        paging.check_parameters(request)
        row = places.project_at(project_id, principal_of(request), Permission.MEMBERS_READ)
        page = paging.page_from(request, ("username", "id"))
        given = selectors.members(row)
        people = list(paging.rows_of(page, User.objects.filter(pk__in=given.values("user"))))
        roles = _by_user(given.filter(user__in=people))
        return paging.answer(request, page, people, lambda user: shape(user, roles))

    @operation(
        needs=Permission.MEMBERS_WRITE,
        body=NewMember,
        answers={201: answers.Member},
        repeats=Repeats.TOGETHER,
    )
    def post(self, request: Request, project_id: UUID) -> Response:
        """Give a person roles."""
        body = conversion.convert(request.data, NewMember)
        principal = principal_of(request)
        row = places.project_at(project_id, principal, Permission.MEMBERS_WRITE)
        user = members.give(row, body.user, body.roles, by=principal, now=clock.now())
        given = selectors.members(row).filter(user=user)
        return Response(shape(user, _by_user(given)), status=201)


class MemberView(View):
    """``DELETE projects/{id}/members/{user}``."""

    @operation(
        needs=Permission.MEMBERS_WRITE,
        answers={204: None},
    )
    def delete(self, request: Request, project_id: UUID, user: str) -> Response:
        """Take every role here from a person."""
        principal = principal_of(request)
        row = places.project_at(project_id, principal, Permission.MEMBERS_WRITE)
        members.take(row, user, by=principal)
        return Response(status=204)


def shape(user: User, given: Mapping[UUID, Iterable[Membership]]) -> dict[str, Any]:
    """Return a person with the roles they have in a project, and in every project."""
    own = list(given.get(user.pk, ()))
    return {
        "user": user.username,
        "user_id": user.pk,
        "roles": [row.role for row in own if row.project_id],
        "roles_everywhere": [row.role for row in own if not row.project_id],
    }


def _by_user(rows: Iterable[Membership]) -> dict[UUID, list[Membership]]:
    found: dict[UUID, list[Membership]] = {}
    for row in rows:
        found.setdefault(row.user_id, []).append(row)
    return found
