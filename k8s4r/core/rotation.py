"""Which of an agent's tokens are good, and which die when another one is made or used?

Rotation is a flag on a token. Each heartbeat that comes with a flagged token mints a new one, which
replaces any successor that nobody used yet (its answer was lost on the way). The old one dies when
its successor is used, so that an agent is never without a token.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class TokenFacts:
    """What the rules need to know of one token; ``supersedes`` is the key id of its predecessor."""

    key_id: str
    expires_at: datetime | None = None
    used_at: datetime | None = None
    revoked_at: datetime | None = None
    rotating: bool = False
    supersedes: str | None = None


def is_good(token: TokenFacts, now: datetime) -> bool:
    """May its bearer come in? Revoking and expiry count from their very moment."""
    return token.revoked_at is None and (token.expires_at is None or now < token.expires_at)


def must_mint(bearer: TokenFacts, now: datetime) -> bool:
    """Must a heartbeat with this token be answered with a new one?"""
    return bearer.rotating and is_good(bearer, now)


def replaced_by_minting(bearer: TokenFacts, others: Iterable[TokenFacts]) -> frozenset[str]:
    """Return the key ids to revoke when ``bearer`` is answered with a new token.

    Those are its successors that nobody has used.
    """
    return frozenset(
        other.key_id
        for other in others
        if other.supersedes == bearer.key_id and other.used_at is None and other.revoked_at is None
    )


def dead_by_use(bearer: TokenFacts, others: Iterable[TokenFacts]) -> frozenset[str]:
    """Return the key ids to revoke now that ``bearer`` is used: all that came before it.

    Predecessors of predecessors are among them, and so are other successors of these: at most one
    line of tokens stays alive.
    """
    known = {other.key_id: other for other in others if other.key_id != bearer.key_id}
    elders = _elders(bearer, known)
    return frozenset(
        other.key_id
        for other in known.values()
        if other.revoked_at is None and (other.key_id in elders or other.supersedes in elders)
    )


def _elders(bearer: TokenFacts, known: dict[str, TokenFacts]) -> set[str]:
    elders: set[str] = set()
    key_id = bearer.supersedes
    while key_id is not None and key_id not in elders:
        elders.add(key_id)
        key_id = known[key_id].supersedes if key_id in known else None
    return elders
