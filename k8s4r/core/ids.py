"""What does an identifier or a token look like, and how is a secret compared?

A token is ``<kind>_<key id>_<secret>_<checksum>``: the kind for secret scanners, the key id for
the look-up, 256 random bits, and a checksum that finds a cut or mistyped token without a query.
"""

import base64
import hashlib
import hmac
import re
import zlib
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final
from uuid import UUID

from k8s4r.core.errors import Malformed

UUID_ENTROPY_BYTES: Final = 10
KEY_ID_BYTES: Final = 10
SECRET_BYTES: Final = 32


class TokenKind(StrEnum):
    """Who speaks with a token: a person, an enrolling machine, an agent, a pod, an attempt."""

    PERSON = "pat"
    ENROLMENT = "enr"
    AGENT = "agt"
    POD = "pod"
    ATTEMPT = "att"


_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_KEY_ID: Final = re.compile(r"[0-9A-Za-z]{16}")
_SECRET: Final = re.compile(r"[0-9A-Za-z_-]{43}")
_ID_BEGINNING: Final = re.compile(r"[0-9a-f]{8,32}")
_TOKEN: Final = re.compile(
    rf"({'|'.join(TokenKind)})_({_KEY_ID.pattern})_({_SECRET.pattern})_([0-9a-f]{{8}})"
)


@dataclass(frozen=True, slots=True)
class TokenParts:
    """A token taken apart; the secret does not show in its repr."""

    kind: TokenKind
    key_id: str
    secret: str = field(repr=False)


def uuid7(unix_ms: int, entropy: bytes) -> UUID:
    """Return a UUID version 7 (RFC 9562, section 5.7).

    Args:
        unix_ms: milliseconds since 1970, 48 bits; later ones sort after earlier ones.
        entropy: at least 10 random bytes, of which 74 bits are used.
    """
    assert 0 <= unix_ms < 1 << 48
    assert len(entropy) >= UUID_ENTROPY_BYTES
    bits = int.from_bytes(entropy[:UUID_ENTROPY_BYTES], "big")
    rand_a = bits >> 68
    rand_b = bits & ((1 << 62) - 1)
    return UUID(int=unix_ms << 80 | 0x7 << 76 | rand_a << 64 | 0b10 << 62 | rand_b)


def numbered(number: int, entropy: bytes) -> bytes:
    """Return entropy for `uuid7` that makes ids of the same millisecond sort by ``number``.

    The number, up to 4,095, takes the first of the random bits; 68 of ``entropy`` are left.
    """
    assert 0 <= number < 1 << 12
    rest = int.from_bytes(entropy, "big") & ((1 << 68) - 1)
    return (number << 68 | rest).to_bytes(UUID_ENTROPY_BYTES, "big")


def beginning_range(text: str) -> tuple[UUID, UUID] | None:
    """Return the first and the last id that begin like ``text``; ``None``: no id does.

    Less than eight digits would be a minute's worth of ids, which nobody means.
    """
    digits = text.replace("-", "").lower()
    if not _ID_BEGINNING.fullmatch(digits):
        return None
    return UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f"))


def as_uuid(text: str) -> UUID | None:
    """Return the UUID that a text is in its usual form, ``None`` where it is none."""
    return UUID(text) if _UUID.fullmatch(text) else None


def unix_ms(identifier: UUID) -> int:
    """Return the milliseconds since 1970 that a UUID version 7 carries."""
    assert identifier.version == 7
    return identifier.int >> 80


def key_id(entropy: bytes) -> str:
    """Return a 16-character key id from 10 random bytes; lower-case letters and digits."""
    assert len(entropy) == KEY_ID_BYTES
    return base64.b32encode(entropy).decode().lower()


def secret(entropy: bytes) -> str:
    """Return a 43-character secret from 32 random bytes."""
    assert len(entropy) == SECRET_BYTES
    return _base64url(entropy)


def make_token(kind: TokenKind, key_id: str, secret: str) -> str:
    """Return the text of a token; see the module for its form."""
    assert _KEY_ID.fullmatch(key_id), "a key id is 16 letters and digits"
    assert _SECRET.fullmatch(secret), "a secret is 43 characters of base64url"
    body = f"{kind}_{key_id}_{secret}"
    return f"{body}_{_checksum(body)}"


def parse_token(text: str) -> TokenParts:
    """Take a token apart.

    Raises:
        Malformed: this cannot be a token, or it was cut or mistyped. The text is not repeated.
    """
    found = _TOKEN.fullmatch(text)
    if found is None or _checksum(text[:-9]) != found[4]:
        raise Malformed("this is not a token, or it was cut or mistyped")
    return TokenParts(TokenKind(found[1]), found[2], found[3])


def digest(pepper: bytes, secret: str) -> bytes:
    """Return what is stored of a secret: HMAC-SHA-256 under the pepper, 32 bytes.

    A slow hash would add nothing: the secret has 256 random bits, and this runs per heartbeat.
    """
    return hmac.digest(pepper, secret.encode(), hashlib.sha256)


def derive_attempt_secret(key: bytes, attempt: UUID, number: int) -> str:
    """Return the secret of an attempt's token, 43 characters; the same again for the same attempt.

    Derived and never stored, so that a repeated claim repeats the same order.
    """
    message = b"k8s4r attempt\x00" + attempt.bytes + number.to_bytes(8, "big")
    return _base64url(hmac.digest(key, message, hashlib.sha256))


def same(one: bytes | str, other: bytes | str) -> bool:
    """Compare two secrets in a time that does not tell where they differ."""
    return hmac.compare_digest(_as_bytes(one), _as_bytes(other))


def _as_bytes(value: bytes | str) -> bytes:
    return value.encode() if isinstance(value, str) else value


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _checksum(body: str) -> str:
    return f"{zlib.crc32(body.encode()):08x}"
