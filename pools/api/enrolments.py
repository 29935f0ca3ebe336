"""Enrolment tokens over REST: make, list, revoke."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from msgspec import UNSET
from rest_framework.request import Request
from rest_framework.response import Response

from k8s4r import clock
from k8s4r.access import selectors as access
from k8s4r.access.models import Project, Token, TokenKind
from k8s4r.access.principals import Principal
from k8s4r.access.services import tokens
from k8s4r.access.services.tokens import Terms
from k8s4r.api import paging, places
from k8s4r.api.answers import Page
from k8s4r.api.operations import Repeats, operation
from k8s4r.api.requests import principal_of
from k8s4r.api.views import View
from k8s4r.core import conversion, moments
from k8s4r.core import labels as label_rules
from k8s4r.core.errors import FieldProblem, Invalid, NotFound, pointer
from k8s4r.core.roles import Permission
from pools import selectors
from pools.api import answers, shapes
from pools.api.bodies import NewEnrolment
from pools.selectors import PoolName


class EnrolmentsView(View):
    """``GET enrolment-tokens``, ``POST enrolment-tokens``."""

    @operation(
        needs=Permission.TOKENS_READ,
        query=paging.PageQuery,
        answers={200: Page[answers.EnrolmentToken]},
    )
    def get(self, request: Request) -> Response:
        """List enrolment tokens, the newest first, without their text."""
        paging.check_parameters(request)
        page = paging.page_from(request, ("-created_at", "-id"))
        rows = access.enrolment_tokens(principal_of(request))
        return paging.answer(request, page, list(paging.rows_of(page, rows)), shapes.enrolment)

    @operation(
        needs=Permission.TOKENS_WRITE,
        body=NewEnrolment,
        answers={201: answers.MintedEnrolmentToken},
        repeats=Repeats.TOGETHER,
        shown_once="token",
    )
    def post(self, request: Request) -> Response:
        """Make an enrolment token; its text is in this answer and nowhere else."""
        body = conversion.convert(request.data, NewEnrolment)
        _check_label_keys(body.label_keys)
        principal, now = principal_of(request), clock.now()
        project = places.project_named(body.project, principal, Permission.TOKENS_WRITE)
        terms = Terms(
            lifetime=_lifetime(body, now),
            project=project,
            pool_id=_pool_id(body, project, principal),
            label=body.label,
            label_keys=body.label_keys,
            max_uses=body.max_uses,
        )
        minted = tokens.mint(TokenKind.ENROLMENT, terms, now=now, actor=principal.actor)
        answer = {**shapes.enrolment(minted.token), "token": minted.text}
        return Response(answer, status=201)


class EnrolmentView(View):
    """``GET enrolment-tokens/{id}``, ``DELETE enrolment-tokens/{id}``."""

    @operation(
        needs=Permission.TOKENS_READ,
        answers={200: answers.EnrolmentToken},
    )
    def get(self, request: Request, token_id: UUID) -> Response:
        """Show an enrolment token, without its text."""
        return Response(shapes.enrolment(_enrolment(token_id, principal_of(request))))

    @operation(
        needs=Permission.TOKENS_WRITE,
        answers={204: None},
    )
    def delete(self, request: Request, token_id: UUID) -> Response:
        """Revoke an enrolment token; the agents that it made stay."""
        principal = principal_of(request)
        row = _enrolment(token_id, principal)
        assert row.project_id is not None
        principal.require(Permission.TOKENS_WRITE, row.project_id)
        tokens.revoke([token_id], now=clock.now(), actor=principal.actor)
        return Response(status=204)


def _enrolment(token_id: UUID, principal: Principal) -> Token:
    row = access.enrolment_tokens(principal).filter(pk=token_id).first()
    if row is None:
        raise NotFound(f"no enrolment token {token_id}")
    return row


def _check_label_keys(keys: Sequence[str]) -> None:
    problems = [
        replace(problem, pointer=pointer("label_keys", index))
        for index, key in enumerate(keys)
        if key != tokens.ANY_LABEL
        for problem in label_rules.problems({key: ""})
    ]
    if problems:
        raise Invalid("some label keys are not valid", errors=problems)


def _lifetime(body: NewEnrolment, now: datetime) -> timedelta | None:
    if body.expires_at is UNSET:
        return tokens.ENROLMENT_LIFETIME
    if body.expires_at is None:
        return None
    assert isinstance(body.expires_at, datetime)
    return moments.to_come(body.expires_at, "expires_at", now=now) - now


def _pool_id(body: NewEnrolment, project: Project, principal: Principal) -> UUID | None:
    if body.pool is None:
        return None
    name = PoolName(str(project.pk), body.pool)
    found = selectors.pools_named([name], principal).get(name)
    if found is None or found.is_shared:
        problem = FieldProblem("/pool", "unknown", f"project {project.name} has no such pool")
        raise Invalid("pool: " + problem.detail, errors=[problem])
    return found.id
