"""How do people log in, with a password and a code, without guesses having the same chance?

Bad passwords and bad codes count together, per address and per name. The code is asked for in a
second step; until then nobody is signed in, and nothing else says whether the password was good.
"""

from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.contrib import admin, auth, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET

from k8s4r import clock
from k8s4r.access import selectors, sessions
from k8s4r.access.models import User
from k8s4r.access.services import second_factor, sign_in_links
from k8s4r.access.services.second_factor import Proof
from k8s4r.access.sessions import Held
from k8s4r.api import guarding
from k8s4r.core.errors import DomainError

LONGEST_NAME: Final = 150
_NEXT: Final = "next"
_BAD_CODE: Final = (
    "This code is not good now. Each code is good once, for about a minute: wait for the next one,"
    " and see that the phone's clock is right."
)
_BAD_LINK: Final = (
    "This link is good no more: each signs in once, within 15 minutes, and a sign-in ends those"
    " made before it. On the server “k8s4r sign-in” or “manage.py sign_in_link NAME” makes another."
)


class CodeNeeded(Exception):
    """The password was good, and this person has to show a code as well."""

    def __init__(self, user: User) -> None:
        super().__init__(f"a code of {user.pk} is needed")
        self.user = user


def login(request: HttpRequest) -> HttpResponse:
    """Answer as the admin's own login page does, and slow those who fail too often."""
    if request.method != "POST":
        return admin.site.login(request)
    user = request.POST.get("username", "")[:LONGEST_NAME]
    address = request.META.get("REMOTE_ADDR", "")
    try:
        guarding.check_login(user, address=address)
        response = admin.site.login(request)
        if not request.user.is_authenticated:
            guarding.bad_login(user, address=address)
            return response
    except CodeNeeded as needed:
        return _held(request, needed.user)
    except DomainError as refused:
        return slowed(request, refused)
    sessions.opened(request.session, by_factor=False, now=clock.now())
    return response


@never_cache
@sensitive_post_parameters("code")
def code(request: HttpRequest) -> HttpResponse:
    """Ask for the code, the second step; a good one signs in."""
    found = sessions.held(request.session, now=clock.now())
    if found is None:
        return HttpResponseRedirect(reverse("admin:login"))
    user, held = found
    if request.method != "POST":
        return _asked(request, "")
    try:
        proof = proven(request, user)
    except DomainError as refused:
        return slowed(request, refused)
    return _asked(request, _BAD_CODE) if proof is None else _signed_in(request, user, held, proof)


@never_cache
@require_GET
def link(request: HttpRequest, user_id: UUID, token: str) -> HttpResponse:
    """Sign in who comes by a link that was made on the server; who has to show a code still has."""
    address, now = request.META.get("REMOTE_ADDR", ""), clock.now()
    try:
        guarding.check_login(f"{user_id}", address=address)
        user = sign_in_links.spend(user_id, token, now=now)
        if user is None:
            guarding.bad_login(f"{user_id}", address=address)
            messages.error(request, _BAD_LINK)
            return HttpResponseRedirect(reverse("admin:login"))
    except DomainError as refused:
        return slowed(request, refused)
    if selectors.is_asked_for_code(user):
        return _held(request, user)
    auth.login(request, user)
    sessions.opened(request.session, by_factor=False, now=now)
    return HttpResponseRedirect(reverse(settings.LOGIN_REDIRECT_URL))


def proven(request: HttpRequest, user: User) -> Proof | None:
    """Take the code of a form, ``None`` when it is not good; guesses count as bad logins do.

    Raises:
        TooMany: too many bad ones.
        Unavailable: Redis is away, or the key of the secret.
    """
    address, name = request.META.get("REMOTE_ADDR", ""), user.username
    guarding.check_login(name, address=address)
    proof = second_factor.prove(user.pk, request.POST.get("code", ""), now=clock.now())
    if proof is None:
        guarding.bad_login(name, address=address)
    return proof


def knows_password(request: HttpRequest, user: User) -> bool:
    """Take the password of a form, of who is signed in; guesses count as bad logins do.

    Raises:
        TooMany: too many bad ones.
        Unavailable: Redis is away.
    """
    address, name = request.META.get("REMOTE_ADDR", ""), user.username
    guarding.check_login(name, address=address)
    if user.check_password(request.POST.get("password", "")):
        return True
    guarding.bad_login(name, address=address)
    return False


def slowed(request: HttpRequest, refused: DomainError) -> HttpResponse:
    """Answer who has to wait before they try again."""
    seconds = max(1, round(getattr(refused, "retry_after_s", 1.0)))
    context = {"title": refused.title, "detail": refused.message, "seconds": seconds}
    response = TemplateResponse(request, "api/slowed.html", context, status=refused.status)
    response.headers["Retry-After"] = f"{seconds}"
    return response


def _held(request: HttpRequest, user: User) -> HttpResponse:
    following = request.POST.get(_NEXT) or request.GET.get(_NEXT) or ""
    sessions.hold(request.session, user, following=following, now=clock.now())
    return HttpResponseRedirect(reverse("login_code"))


def _asked(request: HttpRequest, problem: str) -> HttpResponse:
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": "The code of your app",
        "problem": problem,
    }
    return TemplateResponse(request, "api/code.html", context)


def _signed_in(request: HttpRequest, user: User, held: Held, proof: Proof) -> HttpResponse:
    """Sign in under a new session key, and tell what the person should know."""
    auth.login(request, user, backend=held.backend)
    sessions.opened(request.session, by_factor=True, now=clock.now())
    if proof.bad_before:
        messages.warning(
            request,
            f"Bad codes after your password since your last sign-in: {proof.bad_before}."
            " If that was not you, somebody knows it: change it.",
        )
    if proof.by_recovery_code:
        messages.warning(request, f"That recovery code is used up; {proof.codes_left} are left.")
    return HttpResponseRedirect(_following(request, held.following))


def _following(request: HttpRequest, path: str) -> str:
    """Return where the person wanted to go, if that is a page of ours."""
    is_ours = url_has_allowed_host_and_scheme(
        path, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return path if is_ours else reverse(settings.LOGIN_REDIRECT_URL)
