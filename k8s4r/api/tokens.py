"""API tokens of people over REST: make one's own, list, revoke."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from msgspec import Meta
from rest_framework.request import Request
from rest_framework.response import Response

from k8s4r import clock
from k8s4r.access import selectors
from k8s4r.access.models import Project, Token, TokenKind, User
from k8s4r.access.principals import Principal, refusal
from k8s4r.access.services import tokens
from k8s4r.access.services.tokens import Minted, Terms
from k8s4r.api import answers, paging, places
from k8s4r.api.operations import Repeats, operation
from k8s4r.api.requests import principal_of
from k8s4r.api.views import View
from k8s4r.core import conversion
from k8s4r.core.errors import FieldProblem, Forbidden, Invalid, NotFound
from k8s4r.core.roles import Permission

SORTS: Final = {"created_at": ("created_at", "id")}


class NewToken(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``POST tokens``. With ``project`` the token reaches nothing else.

    ``scopes`` are the permissions it is good for, as far as its owner has them; none: all.
    """

    label: Annotated[str, Meta(max_length=200, pattern=r"^[^\u0000-\u001f]*$")] = ""
    lifetime_days: Annotated[int, Meta(ge=1, le=tokens.PERSON_LIFETIME.days)] = 90
    project: Annotated[str, Meta(min_length=1, max_length=63)] | None = None
    scopes: Annotated[list[Permission], Meta(max_length=len(Permission))] = []


class TokenQuery(paging.PageQuery):
    """``GET tokens``: with ``user``, the name of a person, only theirs."""

    user: str | None = None
    sort: Literal["created_at", "-created_at"] | None = None


class TokensView(View):
    """``GET tokens``, ``POST tokens``."""

    @operation(
        needs=None,
        query=TokenQuery,
        answers={200: answers.Page[answers.Token]},
        refuses=(Forbidden,),
    )
    def get(self, request: Request) -> Response:
        """List the caller's tokens and those they look after, the newest first, without texts."""
        paging.check_parameters(request, ("user", paging.SORT))
        principal = principal_of(request)
        _check_scope(principal, Permission.TOKENS_READ)
        page = paging.page_from(request, ("-created_at", "-id"), SORTS)
        rows = selectors.tokens_of_people(principal)
        user = paging.word(request, "user")
        rows = rows if user is None else rows.filter(user__username=user)
        return paging.answer(request, page, list(paging.rows_of(page, rows)), shape)

    @operation(
        needs=None,
        body=NewToken,
        answers={201: answers.MintedToken},
        refuses=(Forbidden,),
        repeats=Repeats.TOGETHER,
        shown_once="token",
    )
    def post(self, request: Request) -> Response:
        """Make a token of one's own; its text is in this answer and nowhere else."""
        body = conversion.convert(request.data, NewToken)
        minted = made(body, principal_of(request), now=clock.now())
        return Response({**shape(minted.token), "token": minted.text}, status=201)


class TokenView(View):
    """``GET tokens/{id}``, ``DELETE tokens/{id}``."""

    @operation(
        needs=None,
        answers={200: answers.Token},
    )
    def get(self, request: Request, token_id: UUID) -> Response:
        """Show one of the caller's tokens, or one that they look after, without its text."""
        principal = principal_of(request)
        _check_scope(principal, Permission.TOKENS_READ)
        return Response(shape(_token(token_id, principal)))

    @operation(
        needs=None,
        answers={204: None},
        refuses=(Forbidden,),
    )
    def delete(self, request: Request, token_id: UUID) -> Response:
        """Revoke one of the caller's tokens, or one that they look after."""
        principal = principal_of(request)
        _check_scope(principal, Permission.TOKENS_WRITE)
        row = _token(token_id, principal)
        if row.user_id != principal.id:
            _check_keeper(row, principal)
        tokens.revoke([token_id], now=clock.now(), actor=principal.actor)
        return Response(status=204)


def made(body: NewToken, principal: Principal, *, now: datetime) -> Minted:
    """Make a token of the caller's own.

    Raises:
        Forbidden: the token that makes it has no right to make others.
        Invalid: it would reach further than its maker, or the project is not known.
    """
    _check_reach(body, principal)
    terms = Terms(
        lifetime=timedelta(days=body.lifetime_days),
        user=User.objects.get(pk=principal.id),
        project=_project(body, principal),
        label=body.label,
        scopes=sorted(set(body.scopes)),
    )
    return tokens.mint(TokenKind.PERSON, terms, now=now, actor=principal.actor)


def shape(row: Token) -> dict[str, Any]:
    """Return a token; never its text."""
    return {
        "id": row.pk,
        "key_id": row.key_id,
        "label": row.label,
        "user": row.user.username if row.user else None,
        "project_id": row.project_id,
        "scopes": row.scopes,
        "created_at": row.created_at,
        "expires_at": row.expires_at,
        "used_at": row.used_at,
        "revoked_at": row.revoked_at,
    }


def _token(token_id: UUID, principal: Principal) -> Token:
    row = selectors.tokens_of_people(principal).filter(pk=token_id).first()
    if row is None:
        raise NotFound(f"no token {token_id}")
    return row


def _check_scope(principal: Principal, needs: Permission) -> None:
    """Refuse a token with scopes that do not name this: its owner's other tokens are not its own.

    Raises:
        Forbidden: names the scope.
    """
    if principal.scopes and needs not in principal.scopes:
        raise Forbidden(f"this token has not the scope {needs}")


def _check_reach(body: NewToken, principal: Principal) -> None:
    """Refuse a token that reaches further than the one that makes it.

    Raises:
        Forbidden: the making token has no right to make others.
        Invalid: names the scope that goes too far.
    """
    _check_scope(principal, Permission.TOKENS_WRITE)
    if not principal.scopes:
        return
    wider = sorted(set(body.scopes or Permission) - set(principal.scopes))
    if wider:
        detail = f"the token that makes it has not {', '.join(wider)}"
        raise Invalid(detail, errors=[FieldProblem("/scopes", "reach", detail)])


def _check_keeper(row: Token, principal: Principal) -> None:
    keeps = principal.projects(Permission.TOKENS_WRITE)
    if keeps is not None and row.project_id not in keeps:
        raise refusal(Permission.TOKENS_WRITE)


def _project(body: NewToken, principal: Principal) -> Project | None:
    """Return the project that the token is for; one for all only from one for all."""
    if body.project is None and principal.project_id is None:
        return None
    if body.project is None:
        detail = "this token is for one project: name it"
        raise Invalid(detail, errors=[FieldProblem("/project", "required", detail)])
    return places.project_named(body.project, principal)
