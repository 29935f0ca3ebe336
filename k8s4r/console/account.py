"""What does a person see and change of their own account? Above all the second factor.

What is asked is in ``do``; what has to be shown for it is in ``password`` or ``code``.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import segno
from django.conf import settings
from django.contrib import admin, auth, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.debug import sensitive_post_parameters

from executors import history
from executors.history import Span
from k8s4r.access import selectors, sessions
from k8s4r.access.models import User
from k8s4r.access.services import second_factor
from k8s4r.api import logins
from k8s4r.core import second_factor as rules
from k8s4r.core.errors import Conflict, DomainError, Invalid
from k8s4r.core.second_factor import Policy
from k8s4r.pages import ago, now_of

URL_NAME: Final = "account"
_EVENTS: Final = 10
_BAD_CODE: Final = "This code is not good now: each is good once, for about a minute."


@sensitive_post_parameters("code", "password")
def account(request: HttpRequest) -> HttpResponse:
    """Show the account, or do what is asked with it."""
    deed = _DEEDS.get(request.POST.get("do", "")) if request.method == "POST" else None
    try:
        return deed(request) if deed else _page(request)
    except Invalid as error:
        return _page(request, problem=error.message, status=error.status)
    except Conflict as error:
        messages.warning(request, error.message)
        return _again()
    except DomainError as refused:
        return logins.slowed(request, refused)


def _begin(request: HttpRequest) -> HttpResponse:
    # Or whoever finds a browser open would shut its owner out with a phone of their own.
    if not logins.knows_password(request, _person(request)):
        raise Invalid("This is not your password. It is case-sensitive.")
    second_factor.begin(_person(request).pk, now=now_of(request))
    return _again()


def _confirm(request: HttpRequest) -> HttpResponse:
    text = request.POST.get("code", "")
    codes = second_factor.confirm(_person(request).pk, text, now=now_of(request))
    _goes_on(request)
    sessions.confirmed(request.session)
    return _page(request, codes=codes, done="Your second factor is on.")


def _renew(request: HttpRequest) -> HttpResponse:
    _prove(request)
    codes = second_factor.renew(_person(request).pk, now=now_of(request))
    return _page(request, codes=codes, done="The codes you had before are no longer good.")


def _turn_off(request: HttpRequest) -> HttpResponse:
    _prove(request)
    second_factor.turn_off(_person(request).pk, now=now_of(request))
    _goes_on(request)
    sessions.unconfirmed(request.session)
    messages.success(request, "Your second factor is off. Delete its entry in your app.")
    return _again()


_DEEDS: Final[Mapping[str, Callable[[HttpRequest], HttpResponse]]] = {
    "begin": _begin,
    "confirm": _confirm,
    "renew": _renew,
    "off": _turn_off,
}


def _prove(request: HttpRequest) -> None:
    if logins.proven(request, _person(request)) is None:
        raise Invalid(_BAD_CODE)


def _goes_on(request: HttpRequest) -> None:
    """Let this session go on where the change of the factor ends all of this person, anew keyed."""
    auth.update_session_auth_hash(request, User.objects.get(pk=_person(request).pk))


def _page(
    request: HttpRequest,
    *,
    codes: list[str] | None = None,
    done: str = "",
    problem: str = "",
    status: int = 200,
) -> HttpResponse:
    context = {
        **admin.site.each_context(request),
        "title": "Your account",
        "codes": codes,
        "done": done,
        "problem": problem,
        **_facts(request),
    }
    return TemplateResponse(request, "console/account.html", context, status=status)


def _facts(request: HttpRequest) -> dict[str, Any]:
    user, now = _person(request), now_of(request)
    row = selectors.factor_of(user.pk)
    begun = None if row else selectors.factor_begun(user.pk, now=now)
    happened = history.of_object([user.pk], Span(limit=_EVENTS))
    return {
        "is_offered": settings.SECOND_FACTOR is not Policy.OFF,
        "is_needed": selectors.needs_factor(user),
        "factor": row,
        "since": ago(row.confirmed_at, now) if row else "",
        "codes_left": len(row.recovery_digests) if row else 0,
        **(_to_scan(second_factor.secret(begun), user) if begun else {}),
        "happened": [
            {"said": one.sentence, "ago": ago(one.at, now), "address": _address(one)}
            for one in happened
        ],
    }


def _address(entry: history.Entry) -> str:
    return (entry.event.address or "") if entry.event else ""


def _to_scan(secret: bytes, user: User) -> dict[str, Any]:
    host = urlsplit(settings.ENV.url).hostname or ""
    uri = rules.provisioning_uri(secret, user=user.username, issuer=f"k8s4r {host}".strip())
    return {"picture": _picture(uri), "secret": rules.secret_text(secret)}


def _picture(text: str) -> SafeString:
    """Return a QR code as SVG; black on white in both schemes, or phones do not read it."""
    drawn = segno.make(text, error="m", micro=False)
    svg = drawn.svg_inline(
        scale=4, light="#fff", dark="#000", title="QR code of the secret", svgclass="k-qr"
    )
    return mark_safe(svg)  # noqa: S308  # made here of modules, no text but the title is in it


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


def _again() -> HttpResponse:
    return HttpResponseRedirect(reverse(URL_NAME))
