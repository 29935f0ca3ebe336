"""How does who runs the server let a person in without their password? By a link, good once.

The link proves itself: it is a keyed digest of who it is for, when it was made, their password and
their last sign-in (Django's token for password resets, under a salt of our own). A sign-in, also by
the link itself, ends it, and so does its age (`settings.PASSWORD_RESET_TIMEOUT`).
"""

from datetime import datetime
from typing import Final
from uuid import UUID

from django.conf import settings
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.db import transaction

from k8s4r.access.models import User
from k8s4r.core.errors import NotFound


class _Links(PasswordResetTokenGenerator):
    key_salt = "k8s4r.access.services.sign_in_links"

    def _make_hash_value(self, user: User, timestamp: int) -> str:
        """Know the last sign-in to the microsecond; Django does to the second only."""
        last = user.last_login.timestamp() if user.last_login else 0.0
        return f"{super()._make_hash_value(user, timestamp)}{last}"


_LINKS: Final = _Links()


def make(name: str) -> tuple[UUID, str]:
    """Return for whom a link is, and its token.

    Raises:
        NotFound: nobody of this name may sign in.
    """
    user = User.objects.filter(username=name, is_active=True, is_staff=True).first()
    if user is None:
        raise NotFound(f"nobody who may sign in has the name {name}")
    return user.pk, _LINKS.make_token(user)


@transaction.atomic
def spend(user_id: UUID, token: str, *, now: datetime) -> User | None:
    """Return who may come in by this link, ``None`` when it is not good; it is good no more.

    Locks: the person, so that of two who come at once one gets in.
    """
    rows = User.objects.select_for_update(of=("self",), no_key=True)
    user = rows.filter(pk=user_id, is_active=True, is_staff=True).first()
    if user is None or not _LINKS.check_token(user, token):
        return None
    user.backend = settings.AUTHENTICATION_BACKENDS[0]
    user.last_login = now
    user.save(update_fields=["last_login"])
    return user
