"""What does a browser's session know of how its person signed in?

Nobody is signed in between the password and the code: the session then only holds who gave a good
password, for a few minutes.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.utils.crypto import constant_time_compare

from k8s4r.access import selectors
from k8s4r.access.models import User
from k8s4r.core.second_factor import Policy

HELD_FOR: Final = timedelta(minutes=5)
_BY_FACTOR: Final = "by_second_factor"
_HELD: Final = "signing_in"


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Who gave a good password, how it was checked, where they want to go, and until when.

    ``proof`` is of the password: a change of it ends this as well. ``until`` is seconds since 1970.
    """

    user: str
    backend: str
    following: str
    proof: str
    until: float


def hold(session: SessionBase, user: User, *, following: str, now: datetime) -> None:
    """Remember that this person gave a good password, in a session of its own."""
    session.flush()
    session.set_expiry(HELD_FOR)
    held = Held(
        user=str(user.pk),
        backend=user.backend,
        following=following,
        proof=user.get_session_auth_hash(),
        until=(now + HELD_FOR).timestamp(),
    )
    session[_HELD] = asdict(held)


def held(session: SessionBase, *, now: datetime) -> tuple[User, Held] | None:
    """Return who gave a good password in this session and may still sign in."""
    found: Mapping[str, Any] | None = session.get(_HELD)
    if found is None or found["until"] <= now.timestamp():
        return None
    one = Held(**found)
    user = User.objects.filter(pk=one.user, is_active=True, is_staff=True).first()
    if user is None or not constant_time_compare(one.proof, user.get_session_auth_hash()):
        return None
    return user, one


def opened(session: SessionBase, *, by_factor: bool, now: datetime) -> None:
    """Note how its person has just signed in; it ends at a fixed time, whatever they do."""
    session.pop(_HELD, None)
    session[_BY_FACTOR] = by_factor
    session.set_expiry(now + timedelta(seconds=settings.SESSION_COOKIE_AGE))


def confirmed(session: SessionBase) -> None:
    """Note that its person has just proved a new second factor."""
    session[_BY_FACTOR] = True


def unconfirmed(session: SessionBase) -> None:
    """Note that its person has just turned the second factor off."""
    session[_BY_FACTOR] = False


def lacks_factor(session: SessionBase, user: User) -> bool:
    """Has this person to set up a second factor before anything else?

    A session that ended with a change of the factor cannot say that it was opened by one, so that
    who signed in with a code costs no query.
    """
    if settings.SECOND_FACTOR in {Policy.OFF, Policy.OFFERED} or session.get(_BY_FACTOR):
        return False
    return selectors.needs_factor(user)
