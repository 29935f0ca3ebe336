"""Who is calling? One answer for DRF and for the gateway."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from django.conf import settings
from django.urls import reverse
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.request import Request

from k8s4r import clock
from k8s4r.access import selectors, sessions
from k8s4r.access.models import Token, TokenKind, User
from k8s4r.access.principals import CACHE, Principal, PrincipalKind, TokenCache
from k8s4r.access.services import tokens
from k8s4r.access.services.tokens import TokenRow
from k8s4r.api import guarding
from k8s4r.audit import attribution
from k8s4r.core import ids, rotation
from k8s4r.core.errors import Malformed, SecondFactorNeeded, Unauthenticated
from k8s4r.core.ids import TokenParts
from k8s4r.core.roles import NOTHING, Rights
from k8s4r.core.rotation import TokenFacts

__all__ = [
    "BrowserAuthentication",
    "Principal",
    "PrincipalKind",
    "TokenAuthentication",
    "TokenCache",
    "authenticate",
    "authenticate_many",
    "bearer",
    "remembered",
]

_KINDS: Final = {
    TokenKind.PERSON: PrincipalKind.PERSON,
    TokenKind.AGENT: PrincipalKind.AGENT,
    TokenKind.ENROLMENT: PrincipalKind.ENROLMENT,
    # It speaks for the agent in the pod.
    TokenKind.POD: PrincipalKind.AGENT,
}
_SCHEME: Final = "bearer"


def authenticate_many(texts: Sequence[str], *, now: datetime) -> list[Principal | None]:
    """Return whose tokens these are, ``None`` for one that is not good.

    One query for all that were not seen within the last five seconds; none when all were.
    """
    known = {text: CACHE.find(text) for text in texts}
    unknown = [text for text, principal in known.items() if principal is None]
    if unknown:
        known |= _looked_up(unknown, now=now)
    return [known[text] for text in texts]


def authenticate(text: str, *, now: datetime) -> Principal | None:
    """Return whose token this is, ``None`` when it is not good."""
    return authenticate_many([text], now=now)[0]


def remembered(text: str) -> Principal | None:
    """Return whose token this was within the last seconds; asks neither clock nor database."""
    return CACHE.find(text)


def bearer(header: str) -> str | None:
    """Return the token of an ``Authorization`` header, ``None`` without one.

    Raises:
        Unauthenticated: the header is there and holds something else.
    """
    if not header:
        return None
    scheme, _, text = header.partition(" ")
    if scheme.lower() != _SCHEME or not text.strip():
        raise Unauthenticated("a bearer token is needed")
    return text.strip()


class TokenAuthentication(BaseAuthentication):
    """Knows callers by ``Authorization: Bearer``; ``request.auth`` is the principal."""

    def authenticate(self, request: Request) -> tuple[Principal, Principal] | None:
        """Return the caller, ``None`` without a token.

        Raises:
            Unauthenticated: there is a token and it is not good.
            TooMany: too many were not, from there or with its key id.
        """
        text = bearer(request.META.get("HTTP_AUTHORIZATION", ""))
        if text is None:
            return None
        principal = remembered(text) or guarding.proven(
            text,
            address=request.META.get("REMOTE_ADDR", ""),
            prove=lambda: authenticate(text, now=clock.now()),
        )
        attribution.with_token(principal.token_id)
        return principal, principal

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="k8s4r"'


class BrowserAuthentication(SessionAuthentication):
    """Knows people by the session of the admin's pages; unsafe methods need the CSRF token."""

    def authenticate(self, request: Request) -> tuple[Principal, Principal] | None:
        """Return the logged-in person, ``None`` without one.

        Raises:
            SecondFactorNeeded: they have to set one up first.
        """
        known = super().authenticate(request)
        if known is None:
            return None
        if sessions.lacks_factor(request._request.session, known[0]):
            raise SecondFactorNeeded(
                "your roles need a second factor, and you signed in without: set one up under"
                f" {settings.ENV.url}{reverse('account')}, or use an API token"
            )
        principal = selectors.person(known[0])
        return principal, principal


def _looked_up(texts: Iterable[str], *, now: datetime) -> dict[str, Principal | None]:
    parts = {text: _parts(text) for text in texts}
    key_ids = {each.key_id for each in parts.values() if each}
    by_key = {token.key_id: token for token in _rows(key_ids)}
    found: dict[str, Principal | None] = dict.fromkeys(parts)
    good = {}
    for text, each in parts.items():
        token = by_key.get(each.key_id) if each else None
        if each and token and tokens.matches(token, each) and _is_good(token, now):
            good[text] = token
    rights = _rights(good.values())
    for text, token in good.items():
        found[text] = principal = _principal(token, rights)
        CACHE.remember(text, principal)
    tokens.mark_used(list(good.values()), now=now)
    return found


def _rows(key_ids: Collection[str]) -> Iterable[TokenRow]:
    """Return the tokens as plain rows: a fleet that beats is looked up by the thousand."""
    if not key_ids:
        return ()
    rows = Token.objects.filter(key_id__in=key_ids).values_list(*TokenRow._fields)
    return map(TokenRow._make, rows)


def _parts(text: str) -> TokenParts | None:
    try:
        return ids.parse_token(text)
    except Malformed:
        return None


def _is_good(token: TokenRow, now: datetime) -> bool:
    facts = TokenFacts(token.key_id, expires_at=token.expires_at, revoked_at=token.revoked_at)
    return rotation.is_good(facts, now) and token.user__is_active is not False


def _rights(found: Iterable[TokenRow]) -> Mapping[UUID, Rights]:
    """Return what people may do by their roles: no query when nobody is among the bearers."""
    people = {
        token.user_id: User(pk=token.user_id, is_superuser=bool(token.user__is_superuser))
        for token in found
        if token.user_id
    }
    return selectors.rights(people.values())


def _reach(token: TokenRow, rights: Mapping[UUID, Rights]) -> Rights:
    """Return what a token is good for: what its bearer may do, where and as far as it reaches."""
    if token.user_id is None:
        return NOTHING
    own = rights[token.user_id]
    placed = own.within(token.project_id) if token.project_id else own
    return placed.scoped(token.scopes)


def _principal(token: TokenRow, rights: Mapping[UUID, Rights]) -> Principal:
    kind = _KINDS[TokenKind(token.kind)]
    whose = {PrincipalKind.PERSON: token.user_id, PrincipalKind.ENROLMENT: token.pk}
    return Principal(
        kind=kind,
        id=whose.get(kind) or token.subject or token.pk,
        token_id=token.pk,
        name=token.user__username or "",
        rights=_reach(token, rights),
        scopes=tuple(token.scopes),
        project_id=token.project_id,
        rotating=token.rotating,
    )
