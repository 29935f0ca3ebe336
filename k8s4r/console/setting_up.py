"""Who has to set up a second factor before any other page opens?"""

from collections.abc import Callable
from typing import Final

from django.contrib import auth
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from k8s4r.access import selectors, sessions
from k8s4r.access.models import User
from k8s4r.console.account import URL_NAME

_PAGES: Final = "/admin/"
# Where somebody without one may go: to set it up, or away.
_OPEN: Final = (URL_NAME, "admin:logout", "admin:login", "login_code", "admin:jsi18n")


class SecondFactorMiddleware:
    """Leads whoever needs a second factor and signed in without one to where it is set up."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path.startswith(_PAGES) or request.path in map(reverse, _OPEN):
            return self._get_response(request)
        user = request.user
        if not isinstance(user, User) or not sessions.lacks_factor(request.session, user):
            return self._get_response(request)
        if selectors.factor_of(user.pk):
            # It is there, and was not asked for at the time: it is asked for now.
            auth.logout(request)
            return HttpResponseRedirect(reverse("admin:login"))
        return HttpResponseRedirect(reverse(URL_NAME))
