"""Which token proves that a report is about this attempt?

Derived from a key, the attempt and its number, and never stored: a repeated claim repeats the same
order. The key id in it is a digest of the key, so that a leaked token says which key made it.
"""

import hashlib
from uuid import UUID

from k8s4r.core import ids


class Fence:
    """Makes and checks the tokens of attempts under one key."""

    __slots__ = ("_key", "_key_id")

    def __init__(self, key: str) -> None:
        self._key = key.encode()
        named = hashlib.sha256(b"k8s4r attempt key id\x00" + self._key).digest()
        self._key_id = ids.key_id(named[: ids.KEY_ID_BYTES])

    def token(self, attempt: UUID, number: int) -> str:
        """Return the attempt's token; the same again for the same attempt."""
        secret = ids.derive_attempt_secret(self._key, attempt, number)
        return ids.make_token(ids.TokenKind.ATTEMPT, self._key_id, secret)

    def admits(self, token: str, attempt: UUID, number: int) -> bool:
        """Is this the attempt's token? Text that cannot be a token is none."""
        return ids.same(token.encode(), self.token(attempt, number).encode())
