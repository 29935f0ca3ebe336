"""A person's own API tokens over REST: make, list, revoke."""

from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from k8s4r import clock
from k8s4r.access import selectors
from k8s4r.access.models import Project, Token, TokenKind, User
from k8s4r.access.principals import Principal
from k8s4r.access.services import tokens
from k8s4r.access.services.tokens import Terms
from k8s4r.api import paging
from k8s4r.api.permissions import IsPerson
from k8s4r.api.requests import principal_of
from k8s4r.core import conversion
from k8s4r.core.errors import FieldProblem, Invalid, NotFound


class NewToken(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``POST tokens``. With ``project`` the token reaches nothing else."""

    label: Annotated[str, Meta(max_length=200)] = ""
    lifetime_days: Annotated[int, Meta(ge=1, le=tokens.PERSON_LIFETIME.days)] = 90
    project: Annotated[str, Meta(min_length=1, max_length=63)] | None = None


class TokensView(APIView):
    """``GET tokens``, ``POST tokens``: the caller's own."""

    permission_classes = (IsPerson,)

    def get(self, request: Request) -> Response:
        """List the caller's tokens, the newest first, without their text."""
        paging.check_parameters(request)
        page = paging.page_from(request, ("-created_at", "-id"))
        rows = selectors.own_tokens(principal_of(request))
        return paging.answer(request, page, list(paging.rows_of(page, rows)), shape)

    def post(self, request: Request) -> Response:
        """Make a token; its text is in this answer and nowhere else."""
        body = conversion.convert(request.data, NewToken)
        principal = principal_of(request)
        terms = Terms(
            lifetime=timedelta(days=body.lifetime_days),
            user=User.objects.get(pk=principal.id),
            project=_project(body, principal),
            label=body.label,
        )
        minted = tokens.mint(TokenKind.PERSON, terms, now=clock.now(), actor=principal.actor)
        return Response({**shape(minted.token), "token": minted.text}, status=201)


class TokenView(APIView):
    """``DELETE tokens/{id}``."""

    permission_classes = (IsPerson,)

    def delete(self, request: Request, token_id: UUID) -> Response:
        """Revoke one of the caller's tokens."""
        principal = principal_of(request)
        if not selectors.own_tokens(principal).filter(pk=token_id).exists():
            raise NotFound(f"no token {token_id}")
        tokens.revoke([token_id], now=clock.now(), actor=principal.actor)
        return Response(status=204)


def shape(row: Token) -> dict[str, Any]:
    """Return a token; never its text."""
    return {
        "id": row.pk,
        "key_id": row.key_id,
        "label": row.label,
        "project_id": row.project_id,
        "created_at": row.created_at,
        "expires_at": row.expires_at,
        "used_at": row.used_at,
        "revoked_at": row.revoked_at,
    }


def _project(body: NewToken, principal: Principal) -> Project | None:
    """Return the project that the token is for; one for all only from one for all."""
    if body.project is None and principal.project_ids is None:
        return None
    if body.project is None:
        detail = "this token is for one project: name it"
        raise Invalid(detail, errors=[FieldProblem("/project", "required", detail)])
    try:
        return selectors.project_named(body.project, principal)
    except NotFound as error:
        problem = FieldProblem("/project", "unknown", f"no project {body.project}")
        raise Invalid(error.message, errors=[problem]) from error
