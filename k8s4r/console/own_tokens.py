"""How does a person get an API token of their own, and end one? Its text is shown once."""

import re
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from k8s4r.access import selectors
from k8s4r.access.models import Token, TokenKind
from k8s4r.access.pages import principal_of
from k8s4r.access.services import tokens
from k8s4r.access.services.tokens import Minted
from k8s4r.api.tokens import NewToken, made
from k8s4r.core import conversion
from k8s4r.core.errors import DomainError
from k8s4r.core.roles import Permission
from k8s4r.pages import actor_of, ago, chip, now_of, span

URL_NAME: Final = "own_tokens"
REVOKE: Final = "revoke_own_token"
MOST: Final = 200
_DAYS: Final = 30
_DIGITS: Final = re.compile(r"[0-9]{1,9}")


@never_cache
def own_tokens(request: HttpRequest) -> HttpResponse:
    """Show the person's own tokens, or make one more."""
    if request.method != "POST":
        return _page(request)
    try:
        body = conversion.convert(_asked(request), NewToken)
        minted = made(body, principal_of(request), now=now_of(request))
    except DomainError as error:
        return _page(request, problem=error.message, status=error.status)
    return _page(request, minted=minted, status=201)


@require_POST
def revoke(request: HttpRequest, token_id: UUID) -> HttpResponse:
    """End one of the person's own tokens at once; of somebody else's there is none here."""
    row = _own(request).filter(pk=token_id).first()
    if row is None:
        raise Http404
    if tokens.revoke([row.pk], now=now_of(request), actor=actor_of(request)):
        messages.success(request, f"Token {row.label or row.key_id} is good no more.")
    else:
        messages.info(request, f"Token {row.label or row.key_id} had ended before.")
    return HttpResponseRedirect(reverse(URL_NAME))


def _asked(request: HttpRequest) -> dict[str, Any]:
    """Return the form as the body of ``POST tokens``; what is no number is refused there."""
    days = request.POST.get("lifetime_days", "")
    project = request.POST.get("project", "")
    return {
        "label": request.POST.get("label", "").strip(),
        "lifetime_days": int(days) if _DIGITS.fullmatch(days) else days,
        "scopes": request.POST.getlist("scopes"),
        **({"project": project} if project else {}),
    }


def _own(request: HttpRequest) -> QuerySet[Token]:
    rows = Token.objects.filter(kind=TokenKind.PERSON, user_id=principal_of(request).id)
    return rows.select_related("project").order_by("-created_at", "-id")


def _line(row: Token, now: datetime) -> dict[str, Any]:
    word = row.standing(now)
    left = (row.expires_at - now).total_seconds() if row.expires_at else 0.0
    return {
        "row": row,
        "is_good": word == "active",
        "chip": chip(word),
        "made": ago(row.created_at, now),
        "left": span(left) if left > 0 else "-",
        "used": ago(row.used_at, now),
    }


def _page(
    request: HttpRequest, *, minted: Minted | None = None, problem: str = "", status: int = 200
) -> HttpResponse:
    principal, now = principal_of(request), now_of(request)
    context = {
        **admin.site.each_context(request),
        "title": "Your API tokens",
        "minted": minted,
        "problem": problem,
        "given": request.POST if problem else {"lifetime_days": _DAYS},
        "chosen": request.POST.getlist("scopes") if problem else [],
        "most_days": tokens.PERSON_LIFETIME.days,
        "projects": selectors.projects(principal),
        "scopes": [one for one in Permission if principal.rights.anywhere(one)],
        "login": f"k8s4r login {settings.ENV.url}",
        "rows": [_line(row, now) for row in _own(request)[:MOST]],
    }
    return TemplateResponse(request, "console/own_tokens.html", context, status=status)
