"""How does a secret lie in the database? Encrypted, and bound to its place.

``v1.<key id>.<wrapped data key>.<encrypted secret>``: AES-256-GCM twice. The data key is made for
this secret alone and wrapped by a key-encryption key, so that a change of that touches no secret.
The place (table, row, field) is authenticated: a secret moved to another row cannot be decrypted.
"""

import base64
import binascii
import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

VERSION: Final = "v1"
KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
SHORTEST_KEY: Final = 32


class CannotDecrypt(Exception):
    """This text was not encrypted here, was moved or changed, or its key is not among ours."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a secret belongs; part of what its decryption proves."""

    table: str
    row: str
    field: str

    @property
    def proof(self) -> bytes:
        return "\x00".join((self.table, self.row, self.field)).encode()


@dataclass(frozen=True, slots=True)
class Key:
    """A key-encryption key; its id is a digest of it, and says nothing else about it."""

    id: str
    material: bytes = field(repr=False)


def key_from(text: str) -> Key:
    """Return the key that a long random text makes.

    Raises:
        ValueError: the text is too short to be one.
    """
    if len(text) < SHORTEST_KEY:
        raise ValueError(f"an encryption key has at least {SHORTEST_KEY} characters")
    material = hashlib.sha256(b"k8s4r encryption key\x00" + text.encode()).digest()
    return Key(hashlib.sha256(b"k8s4r key id\x00" + material).hexdigest()[:12], material)


class Envelope:
    """Encrypts with the first key, decrypts with any; ``entropy`` returns so many random bytes."""

    def __init__(
        self, keys: Sequence[Key], *, entropy: Callable[[int], bytes] = os.urandom
    ) -> None:
        assert keys, "there is a key"
        self._newest = keys[0]
        self._keys = {key.id: key for key in keys}
        self._entropy = entropy

    def encrypt(self, secret: str, place: Place) -> str:
        """Return the secret as it may lie in the database."""
        data_key = self._entropy(KEY_BYTES)
        encrypted = self._encrypted(data_key, secret.encode(), place)
        return self._joined(self._newest, data_key, encrypted, place)

    def decrypt(self, text: str, place: Place) -> str:
        """Return the secret.

        Raises:
            CannotDecrypt: it was not encrypted for this place, or by a key that is not here.
        """
        _, data_key, encrypted = self._parts(text, place)
        return _decrypted(data_key, encrypted, place).decode()

    def is_current(self, text: str) -> bool:
        """Is this encrypted under the newest key?"""
        return text.split(".", 2)[:2] == [VERSION, self._newest.id]

    def rewrap(self, text: str, place: Place) -> str:
        """Return the same secret under the newest key; the secret itself is not touched.

        Raises:
            CannotDecrypt: see `open`.
        """
        _, data_key, encrypted = self._parts(text, place)
        return self._joined(self._newest, data_key, encrypted, place)

    def _joined(self, key: Key, data_key: bytes, encrypted: bytes, place: Place) -> str:
        wrapped = self._encrypted(key.material, data_key, place)
        return ".".join((VERSION, key.id, _text(wrapped), _text(encrypted)))

    def _encrypted(self, key: bytes, content: bytes, place: Place) -> bytes:
        nonce = self._entropy(NONCE_BYTES)
        return nonce + AESGCM(key).encrypt(nonce, content, place.proof)

    def _parts(self, text: str, place: Place) -> tuple[Key, bytes, bytes]:
        """Return the key, the data key and the encrypted secret."""
        try:
            version, key_id, wrapped, encrypted = text.split(".")
            key = self._keys[key_id]
        except (ValueError, KeyError) as error:
            raise CannotDecrypt("not encrypted by a key that is here") from error
        if version != VERSION:
            raise CannotDecrypt(f"encrypted in another form: {version}")
        return key, _decrypted(key.material, _bytes(wrapped), place), _bytes(encrypted)


def _decrypted(key: bytes, encrypted: bytes, place: Place) -> bytes:
    nonce, content = encrypted[:NONCE_BYTES], encrypted[NONCE_BYTES:]
    try:
        return AESGCM(key).decrypt(nonce, content, place.proof)
    except (InvalidTag, ValueError) as error:
        raise CannotDecrypt("changed since, or encrypted for another place") from error


def _text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error as error:
        raise CannotDecrypt("not in the form of an encrypted secret") from error
