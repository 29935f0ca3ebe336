"""Is this what an account proves itself with, and until when is it good? Read, never believed.

Whether a cluster takes it is the cluster's to say. Messages name the part, never its content.
"""

import base64
import binascii
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final, TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

from k8s4r.core.errors import FieldProblem, Invalid
from pools.core.access import Credential

T = TypeVar("T")

MOST_OF_A_TOKEN: Final = 16_384
MOST_OF_A_PEM: Final = 49_152
MOST_AUTHORITIES: Final = 32
# RFC 6750, section 2.1.
_LABEL: Final = re.compile(r"-----BEGIN ([^-]*)-----")
_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*")


class CredentialKind(StrEnum):
    """How an account proves who it is; stable API."""

    TOKEN = "token"  # noqa: S105 - the word for it
    CERTIFICATE = "client_certificate"


def kind(credential: Credential) -> CredentialKind:
    """Return which of the two it is."""
    return CredentialKind.TOKEN if credential.token else CredentialKind.CERTIFICATE


def stored(credential: Credential) -> str:
    """Return a credential as it is kept, to be encrypted."""
    return json.dumps(
        {
            "token": credential.token,
            "client_certificate": credential.certificate,
            "client_key": credential.key,
        }
    )


def kept(text: str) -> Credential:
    """Return a credential that `stored` made."""
    said = json.loads(text)
    return Credential(
        token=said["token"], certificate=said["client_certificate"], key=said["client_key"]
    )


def token(text: str, *, at: str) -> Credential:
    """Return a token as a credential.

    Raises:
        Invalid: it is none.
    """
    if len(text) > MOST_OF_A_TOKEN or not _TOKEN.fullmatch(text):
        raise _refused(at, "token", f"at most {MOST_OF_A_TOKEN} characters of a bearer token")
    return Credential(token=text)


def certificate(text: str, key: str, *, at: str, key_at: str) -> Credential:
    """Return a client certificate and its key, both PEM, as a credential.

    Raises:
        Invalid: one of them is none, the key is encrypted, or they do not belong together.
    """
    (first, *_) = _certificates(text, at=at)
    private = _read(
        lambda: serialization.load_pem_private_key(key.encode(), password=None),
        key_at,
        "a private key in PEM, not encrypted",
    )
    if _public(private.public_key()) != _public(first.public_key()):
        raise _refused(key_at, "pair", "is not the key of the certificate")
    return Credential(certificate=text, key=key)


def authority(text: str, *, at: str) -> str:
    """Return the certificates of an authority, PEM; empty: none is named.

    Raises:
        Invalid: there is something else in it.
    """
    if text:
        _certificates(text, at=at)
    return text


def decoded(text: str, *, at: str) -> str:
    """Return what stands as base64 in a ``...-data`` field.

    Raises:
        Invalid: it is no base64 of text.
    """
    try:
        return base64.b64decode("".join(text.split()), validate=True).decode("ascii")
    except (binascii.Error, UnicodeError) as error:
        raise _refused(at, "base64", "is base64 of a text") from error


def expires_at(credential: Credential) -> datetime | None:
    """Return until when a credential says it is good; ``None``: it does not say."""
    if credential.certificate:
        first = x509.load_pem_x509_certificates(credential.certificate.encode())[0]
        return first.not_valid_after_utc
    return _expiry_of_token(credential.token)


def _expiry_of_token(text: str) -> datetime | None:
    """Return the ``exp`` of a JSON web token (RFC 7519, 4.1.4), whoever signed it."""
    parts = text.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        return datetime.fromtimestamp(int(claims["exp"]), UTC)
    except (ValueError, KeyError, TypeError, OverflowError, OSError, RecursionError):
        return None


def _certificates(text: str, *, at: str) -> list[x509.Certificate]:
    what = f"at most {MOST_AUTHORITIES} certificates in PEM, and nothing else"
    if len(text) > MOST_OF_A_PEM or {*_LABEL.findall(text)} != {"CERTIFICATE"}:
        raise _refused(at, "pem", what)
    found = _read(lambda: x509.load_pem_x509_certificates(text.encode()), at, what)
    if len(found) > MOST_AUTHORITIES:
        raise _refused(at, "pem", what)
    return found


def _read(reader: Callable[[], T], at: str, what: str) -> T:
    """Return what the reader makes; whatever it complains of quotes nothing."""
    try:
        return reader()
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _refused(at, "pem", f"is {what}") from error


def _public(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _refused(at: str, rule: str, detail: str) -> Invalid:
    return Invalid(f"{at}: {detail}", errors=[FieldProblem(at, rule, detail)])
