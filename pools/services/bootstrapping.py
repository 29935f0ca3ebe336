"""What does a new platform need before anybody can use it? Run again, it mends what is missing."""

import secrets
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from django.db import transaction

from k8s4r.access.models import Project, Token, TokenKind, User
from k8s4r.access.services import tokens
from k8s4r.access.services.tokens import Terms
from k8s4r.audit import attribution
from k8s4r.core import ids
from k8s4r.core.errors import Malformed
from k8s4r.core.ids import TokenParts
from pools.models import Pool
from pools.selectors import DEFAULT
from pools.services import founding, pools

LABEL: Final = "bootstrap"
# The platform's own file, on the machine whose disk holds the database as well.
API_TOKEN_LIFETIME: Final = timedelta(days=365)
# A file that soon holds an expired token is renewed while somebody looks.
RENEW_BEFORE: Final = timedelta(days=30)
PASSWORD_BYTES: Final = 18


@transaction.atomic
def admin(username: str, password: str) -> str:
    """Make sure that the administrator exists and return a password that is right.

    A person who was there keeps the password that was given; without one a new one is set.
    """
    user = User.objects.filter(username=username).first()
    if user and password:
        return password
    attribution.attribute(attribution.SYSTEM, cause=LABEL)
    chosen = password or secrets.token_urlsafe(PASSWORD_BYTES)
    if user is None:
        User.objects.create_superuser(username, password=chosen)
    else:
        user.set_password(chosen)
        user.save(update_fields=["password"])
    return chosen


def default_pool(*, now: datetime) -> Pool:
    """Make sure that the project `default` and its pool exist, and return the pool."""
    project = Project.objects.filter(name=DEFAULT).first()
    if project is None:
        project = founding.found(DEFAULT, actor=attribution.SYSTEM, now=now)
    pool = Pool.objects.filter(project=project, name=DEFAULT, archived_at=None).first()
    return pool or pools.create(DEFAULT, project=project, actor=attribution.SYSTEM, now=now)


def api_token(username: str, given: str, *, now: datetime) -> str:
    """Return a good token of the administrator: the given one, or a new one."""
    user = User.objects.get(username=username)
    if _is_good(given, TokenKind.PERSON, now=now):
        return given
    terms = Terms(lifetime=API_TOKEN_LIFETIME, user=user, label=LABEL)
    return _replaced(TokenKind.PERSON, terms, now=now)


def enrolment_token(pool: Pool, given: str, *, now: datetime) -> str:
    """Return a good token for any number of agents of the pool: the given one, or a new one."""
    if _is_good(given, TokenKind.ENROLMENT, now=now):
        return given
    terms = Terms(
        lifetime=None,
        project=pool.project,
        pool_id=pool.pk,
        label=LABEL,
        label_keys=(tokens.ANY_LABEL,),
    )
    return _replaced(TokenKind.ENROLMENT, terms, now=now)


def kept(path: Path) -> str:
    """Return what a file of secrets holds, empty when there is none."""
    return path.read_text().strip() if path.is_file() else ""


def keep(path: Path, secret: str) -> None:
    """Write a secret so that only its owner can read it, all of it or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    unfinished.touch(mode=0o600)
    unfinished.write_text(f"{secret}\n")
    unfinished.replace(path)


@transaction.atomic
def _replaced(kind: TokenKind, terms: Terms, *, now: datetime) -> str:
    """Mint a token and end those that earlier files held: their text is lost."""
    attribution.attribute(attribution.SYSTEM, cause=LABEL)
    earlier = Token.objects.filter(kind=kind, label=LABEL, revoked_at=None)
    tokens.revoke(list(earlier.values_list("pk", flat=True)), now=now)
    return tokens.mint(kind, terms, now=now).text


def _is_good(text: str, kind: TokenKind, *, now: datetime) -> bool:
    parts = _parts(text)
    if parts is None:
        return False
    token = Token.objects.filter(key_id=parts.key_id, kind=kind, revoked_at=None).first()
    if token is None or not tokens.matches(token, parts):
        return False
    return token.expires_at is None or token.expires_at - now > RENEW_BEFORE


def _parts(text: str) -> TokenParts | None:
    try:
        return ids.parse_token(text)
    except Malformed:
        return None
