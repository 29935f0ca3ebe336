"""How is a token made, used, replaced and ended?"""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

from k8s4r.access.models import Project, Token, TokenKind, User
from k8s4r.access.principals import CACHE
from k8s4r.audit import attribution
from k8s4r.audit.attribution import Actor
from k8s4r.core import ids, rotation
from k8s4r.core.ids import TokenParts
from k8s4r.core.rotation import TokenFacts

# Among an enrolment's label keys: an agent may ask for any label.
ANY_LABEL: Final = "*"
PERSON_LIFETIME: Final = timedelta(days=90)
ENROLMENT_LIFETIME: Final = timedelta(minutes=15)
# `used_at` tells people whether a token is still in use: no need to write it at every call.
USED_GRAIN: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a token is good for.

    ``lifetime`` None: it does not expire. ``supersedes`` is the token that dies when this one is
    used. ``pool_id``, ``label_keys`` (`ANY_LABEL` among them: any) and ``max_uses`` (None: any
    number) are an enrolment's; ``scopes`` a person's: permissions, none for all of theirs.
    """

    lifetime: timedelta | None
    user: User | None = None
    subject: UUID | None = None
    project: Project | None = None
    project_id: UUID | None = None
    pool_id: UUID | None = None
    label: str = ""
    label_keys: Sequence[str] = ()
    scopes: Sequence[str] = ()
    max_uses: int | None = None
    supersedes: Token | None = None


class TokenRow(NamedTuple):
    """What is read of a token to know its bearer; the fields are columns and look-ups."""

    pk: UUID
    key_id: str
    kind: str
    digest: bytes
    user_id: UUID | None
    user__username: str | None
    user__is_active: bool | None
    user__is_superuser: bool | None
    scopes: list[str]
    subject: UUID | None
    project_id: UUID | None
    rotating: bool
    expires_at: datetime | None
    used_at: datetime | None
    revoked_at: datetime | None
    supersedes_id: UUID | None


class Minted(NamedTuple):
    """A new token and its text, which nobody can read again."""

    token: Token
    text: str

    def __repr__(self) -> str:
        return f"Minted({self.token})"


@transaction.atomic
def mint(kind: TokenKind, terms: Terms, *, now: datetime, actor: Actor | None = None) -> Minted:
    """Make a token; without an actor in a transaction that is signed already."""
    if actor is not None:
        attribution.attribute(actor, cause="make_token")
    minted = _drawn(kind, terms, now=now)
    minted.token.save(force_insert=True)
    return minted


def matches(token: Token | TokenRow, parts: TokenParts) -> bool:
    """Does the token's text, taken apart, prove this row? Compared in constant time."""
    proof = ids.digest(settings.TOKEN_PEPPER.encode(), parts.secret)
    return ids.same(bytes(token.digest), proof) and token.kind == parts.kind


@transaction.atomic
def revoke(token_ids: Iterable[UUID], *, now: datetime, actor: Actor | None = None) -> int:
    """End tokens at once and return how many were good until now.

    Without an actor in a transaction that is signed already.
    """
    if actor is not None:
        attribution.attribute(actor, cause="revoke_token")
    wanted = frozenset(token_ids)
    ended = Token.objects.filter(pk__in=wanted, revoked_at=None).update(revoked_at=now)
    transaction.on_commit(lambda: CACHE.forget(wanted))
    return ended


def revoke_agent(agent_id: UUID, *, now: datetime) -> int:
    """End every token of an agent at once and return how many were good until now."""
    return revoke_agents([agent_id], now=now)


def revoke_agents(agent_ids: Iterable[UUID], *, now: datetime) -> int:
    """End every token of these agents at once and return how many were good until now."""
    return revoke(_of_agents(agent_ids).values_list("pk", flat=True), now=now)


def flag_rotation(agent_id: UUID, *, now: datetime) -> int:
    """Ask for a new token with the agent's next heartbeat; return how many tokens were flagged."""
    rows = _of_agents([agent_id]).filter(revoked_at=None, rotating=False)
    flagged = list(rows.filter(_unexpired(now)).values_list("pk", flat=True))
    Token.objects.filter(pk__in=flagged).update(rotating=True)
    CACHE.forget(flagged)
    return len(flagged)


@transaction.atomic
def rotate(token_ids: Iterable[UUID], *, lifetime: timedelta, now: datetime) -> dict[UUID, Minted]:
    """Make successors of the tokens that ask for one; a constant number of statements.

    A successor that nobody has used, because its answer was lost, is replaced. The bearer's own
    token stays good until the new one is used.

    Locks: the flagged tokens, by pk.

    Returns:
        The new token by the id of the one it follows; tokens that need none are absent.
    """
    bearers = [
        token
        for token in Token.objects.select_for_update(of=("self",), no_key=True)
        .filter(pk__in=list(token_ids), rotating=True)
        .order_by("pk")
        if rotation.must_mint(_facts(token, {}), now)
    ]
    if not bearers:
        return {}
    attribution.attribute(attribution.AGENTS, cause="rotate_token")
    unused = Token.objects.filter(supersedes__in=bearers, used_at=None, revoked_at=None)
    revoke(unused.values_list("pk", flat=True), now=now)
    minted = {bearer.pk: _drawn(TokenKind(bearer.kind), _heir(bearer, lifetime), now=now)
              for bearer in bearers}  # fmt: skip
    Token.objects.bulk_create(each.token for each in minted.values())
    return minted


def mark_used(used: Sequence[TokenRow], *, now: datetime) -> None:
    """Note that tokens are in use; those that one of them was to replace die now."""
    stale = [t for t in used if t.used_at is None or now - t.used_at >= USED_GRAIN]
    if stale:
        _mark(stale, now=now)


@transaction.atomic
def _mark(stale: Sequence[TokenRow], *, now: datetime) -> None:
    Token.objects.filter(pk__in=[token.pk for token in stale]).update(used_at=now)
    heirs = [token for token in stale if token.supersedes_id and token.used_at is None]
    if heirs:
        attribution.attribute(attribution.AGENTS, cause="token_used")
        revoke(_dead_by_use(heirs), now=now)


def _drawn(kind: TokenKind, terms: Terms, *, now: datetime) -> Minted:
    key_id = ids.key_id(secrets.token_bytes(ids.KEY_ID_BYTES))
    secret = ids.secret(secrets.token_bytes(ids.SECRET_BYTES))
    token = Token(
        kind=kind,
        key_id=key_id,
        digest=ids.digest(settings.TOKEN_PEPPER.encode(), secret),
        user=terms.user,
        subject=terms.subject,
        project_id=terms.project.pk if terms.project else terms.project_id,
        pool_id=terms.pool_id,
        label=terms.label,
        label_keys=list(terms.label_keys),
        scopes=list(terms.scopes),
        max_uses=terms.max_uses,
        supersedes=terms.supersedes,
        created_at=now,
        expires_at=None if terms.lifetime is None else now + terms.lifetime,
    )
    return Minted(token, ids.make_token(ids.TokenKind(kind), key_id, secret))


def _heir(bearer: Token, lifetime: timedelta) -> Terms:
    return Terms(
        lifetime=lifetime,
        subject=bearer.subject,
        project_id=bearer.project_id,
        label=bearer.label,
        supersedes=bearer,
    )


def _dead_by_use(heirs: Sequence[TokenRow]) -> frozenset[UUID]:
    """Return the ids of the tokens that die because these are used, by the rules of rotation."""
    relatives = list(_of_agents({token.subject for token in heirs if token.subject}))
    key_ids = {token.pk: token.key_id for token in relatives}
    facts = [_facts(token, key_ids) for token in relatives]
    dead = {
        key_id for heir in heirs for key_id in rotation.dead_by_use(_facts(heir, key_ids), facts)
    }
    return frozenset(token.pk for token in relatives if token.key_id in dead)


def _facts(token: Token | TokenRow, key_ids: Mapping[UUID, str]) -> TokenFacts:
    before = token.supersedes_id
    return TokenFacts(
        key_id=token.key_id,
        expires_at=token.expires_at,
        used_at=token.used_at,
        revoked_at=token.revoked_at,
        rotating=token.rotating,
        supersedes=key_ids.get(before) if before else None,
    )


def _of_agents(agent_ids: Iterable[UUID]) -> QuerySet[Token]:
    return Token.objects.filter(kind=TokenKind.AGENT, subject__in=list(agent_ids))


def _unexpired(now: datetime) -> Q:
    return Q(expires_at=None) | Q(expires_at__gt=now)
