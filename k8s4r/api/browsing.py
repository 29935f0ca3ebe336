"""Who sits at this browser? Known by the session's cookie, where no Django request is at hand."""

from typing import Final

from django.conf import settings
from django.contrib import auth
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpRequest
from rest_framework.request import Request

from k8s4r.access.principals import Principal, TokenCache
from k8s4r.api.authentication import BrowserAuthentication

# A page that follows a log asks at each piece of it. Signing out ends that within seconds.
SESSIONS: Final = TokenCache()
LONGEST_KEY: Final = 64


def cookie_name() -> str:
    """Return the name of the cookie that carries a session."""
    return str(settings.SESSION_COOKIE_NAME)


def principal(session_key: str) -> Principal | None:
    """Return whose session this is, ``None`` when nobody is signed in by it.

    Raises:
        SecondFactorNeeded: who is has to set one up first.
    """
    if not 0 < len(session_key) <= LONGEST_KEY:
        return None
    known = SESSIONS.find(session_key)
    if known is None:
        known = _looked_up(session_key)
        if known is not None:
            SESSIONS.remember(session_key, known)
    return known


def _looked_up(session_key: str) -> Principal | None:
    """Ask as for a request of that browser which only reads."""
    asked = HttpRequest()
    asked.method = "GET"
    asked.session = SessionStore(session_key)
    asked.user = auth.get_user(asked)
    found = BrowserAuthentication().authenticate(Request(asked))
    return found[1] if found else None
