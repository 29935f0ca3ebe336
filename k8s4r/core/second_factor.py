"""When is a code of a second factor good, who has to have one, and how long do guesses wait?

Codes are those of RFC 6238 with what every app on a phone takes for granted: SHA-1, six digits,
a new one each 30 s. The secret has 160 bits (RFC 4226, section 4, R6).
"""

import base64
import hmac
import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from urllib.parse import quote, urlencode

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.hotp import HOTP

from k8s4r.core.roles import Role

SECRET_BYTES: Final = 20
STEP_S: Final = 30
DIGITS: Final = 6
# A phone's clock may be wrong by a step, and people type slowly (RFC 6238, section 5.2).
STEPS_BEFORE: Final = 1
STEPS_AFTER: Final = 1
RECOVERY_CODES: Final = 10
RECOVERY_BYTES: Final = 10
# So many may be mistyped. Then each one more doubles the wait: in the long run a guesser who has
# the password tries 24 codes a day, of a million.
FREE_TRIES: Final = 5
FIRST_WAIT: Final = timedelta(seconds=30)
LONGEST_WAIT: Final = timedelta(hours=1)
# A set-up that nobody has finished by then is started again, with another secret.
SETUP_LASTS: Final = timedelta(minutes=15)

_LONGEST_INPUT: Final = 64
_BETWEEN: Final = re.compile(r"[ \t\r\n-]")
_CODE: Final = re.compile(r"[0-9]{6}")
_RECOVERY_CODE: Final = re.compile(r"[a-z2-7]{16}")


class Policy(StrEnum):
    """Who has a second factor: nobody, who wants one, who gives rights to others, everybody."""

    OFF = "off"
    OFFERED = "offered"
    REQUIRED_FOR_ADMINS = "required_for_admins"
    REQUIRED = "required"


# They hand out tokens, roles or the fleet. So do superusers.
ADMINS: Final = frozenset({Role.FLEET_ADMIN, Role.SECURITY_ADMIN})


@dataclass(frozen=True, slots=True)
class Code:
    """Six digits, as an app shows them."""

    digits: str


@dataclass(frozen=True, slots=True)
class RecoveryCode:
    """One of the codes on paper, without spaces and dashes."""

    text: str


def is_required(policy: Policy, *, is_superuser: bool, roles: Collection[str]) -> bool:
    """Has a person with these roles, in whichever project, to have a second factor?"""
    if policy is Policy.REQUIRED_FOR_ADMINS:
        return is_superuser or not ADMINS.isdisjoint(roles)
    return policy is Policy.REQUIRED


def read(text: str) -> Code | RecoveryCode | None:
    """Return what a person typed, ``None`` for what can be no code of either kind.

    Spaces and dashes do not count, nor does the case. Digits of other scripts are no digits.
    """
    if len(text) > _LONGEST_INPUT or not text.isascii():
        return None
    bare = _BETWEEN.sub("", text).lower()
    if _CODE.fullmatch(bare):
        return Code(bare)
    return RecoveryCode(bare) if _RECOVERY_CODE.fullmatch(bare) else None


def step_of(moment: datetime) -> int:
    """Return the number of the 30 s in which a moment is."""
    return int(moment.timestamp()) // STEP_S


def code_at(secret: bytes, step: int) -> str:
    """Return the six digits of a step (RFC 4226, section 5.3)."""
    return HOTP(secret, DIGITS, SHA1()).generate(step).decode()  # noqa: S303


def accepted_step(secret: bytes, code: Code, *, now: datetime, last_step: int) -> int | None:
    """Return the step whose code this is, ``None`` when it is not good now.

    ``last_step`` is the step of the last code that was taken: that one and all before it are used
    up, so that whoever looked over a shoulder cannot use it again (RFC 6238, section 5.2).
    """
    current = step_of(now)
    good = [
        step
        for step in range(current - STEPS_BEFORE, current + STEPS_AFTER + 1)
        if hmac.compare_digest(code_at(secret, step), code.digits) and step > last_step
    ]
    return good[-1] if good else None


def wait_after(bad_codes: int) -> timedelta:
    """Return how long nothing is looked at after so many bad codes in a row."""
    over = bad_codes - FREE_TRIES
    if over < 0:
        return timedelta(0)
    # Beyond this the doubled wait is the longest anyway, and would not fit a timedelta.
    doubled: int = 2 ** min(over, 16)
    return min(FIRST_WAIT * doubled, LONGEST_WAIT)


def recovery_code(entropy: bytes) -> str:
    """Return a code for paper, of 80 bits: four times four letters and digits."""
    assert len(entropy) == RECOVERY_BYTES
    text = base64.b32encode(entropy).decode().lower()
    return "-".join(text[at : at + 4] for at in range(0, len(text), 4))


def secret_text(secret: bytes) -> str:
    """Return a secret as people type it into an app that cannot scan."""
    return base64.b32encode(secret).decode()


def provisioning_uri(secret: bytes, *, user: str, issuer: str) -> str:
    """Return what the QR code says (the Key Uri Format that all apps read)."""
    label = quote(f"{issuer}:{user}", safe="")
    return f"otpauth://totp/{label}?" + urlencode(
        {"secret": secret_text(secret), "issuer": issuer}, quote_via=quote
    )
