"""How is a second factor set up, proved, renewed and taken away?

Each change ends the person's other sessions (`User.factor_changed_at`). Secrets lie encrypted, of
recovery codes there are digests only, and the history hides both.
"""

import base64
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import transaction

from k8s4r.access import selectors
from k8s4r.access.models import SecondFactor, User
from k8s4r.access.principals import Principal
from k8s4r.audit import attribution
from k8s4r.audit.attribution import Actor
from k8s4r.core import ids
from k8s4r.core import second_factor as rules
from k8s4r.core.errors import Conflict, FieldProblem, Forbidden, Invalid, NotFound, TooMany
from k8s4r.core.errors import Unavailable as Unreadable
from k8s4r.core.roles import Permission
from k8s4r.core.second_factor import Code, Policy, RecoveryCode
from k8s4r.secrets import vault
from k8s4r.secrets.envelope import CannotDecrypt, Envelope, Place

_UNREADABLE: Final = (
    "the second factor was encrypted with a key that is not here: a recovery code works without it"
)


@dataclass(frozen=True, slots=True)
class Proof:
    """A code was good. ``bad_before`` were not since the last good one."""

    by_recovery_code: bool
    codes_left: int
    bad_before: int


def place(factor_id: UUID) -> Place:
    """Return where the secret of this second factor belongs."""
    return Place(SecondFactor._meta.db_table, str(factor_id), "secret")


@transaction.atomic
def begin(user_id: UUID, *, now: datetime) -> None:
    """Make a secret that the person takes into their app; one begun before is forgotten.

    Locks: the person, then their second factor.

    Raises:
        Conflict: it is on already, or switched off for everybody.
        Unavailable: there is no key to keep the secret with.
    """
    if settings.SECOND_FACTOR is Policy.OFF:
        raise Conflict("second factors are switched off here (K8S4R_SECOND_FACTOR)")
    if _locked(user_id) is not None:
        raise Conflict("your second factor is on: turn it off before you set up another")
    attribution.attribute(_self(user_id), cause="begin_second_factor")
    SecondFactor.objects.filter(user=user_id).delete()
    row = SecondFactor(user_id=user_id, begun_at=now)
    text = rules.secret_text(os.urandom(rules.SECRET_BYTES))
    row.encrypted_secret = vault.envelope().encrypt(text, place(row.pk))
    row.save(force_insert=True)


def secret(row: SecondFactor) -> bytes:
    """Return the secret of a second factor.

    Raises:
        Unavailable: no key is here that opens it.
    """
    try:
        text = vault.envelope().decrypt(row.encrypted_secret, place(row.pk))
    except CannotDecrypt as error:
        raise Unreadable(_UNREADABLE, retry_after_s=60.0) from error
    return base64.b32decode(text)


@transaction.atomic
def confirm(user_id: UUID, text: str, *, now: datetime) -> list[str]:
    """Turn on what was begun, by a first code from the app; every other session ends.

    Locks: the person, then their second factor.

    Returns:
        The recovery codes, which nobody can read again.

    Raises:
        Conflict: nothing was begun, or too long ago, or it is on already.
        Invalid: this is not the code that the app shows.
    """
    if _locked(user_id) is not None:
        raise Conflict("your second factor is on already")
    begun = SecondFactor.objects.filter(user=user_id, begun_at__gt=now - rules.SETUP_LASTS)
    row = begun.select_for_update(of=("self",), no_key=True).first()
    if row is None:
        raise Conflict("the set-up took too long: begin again")
    code = rules.read(text)
    taken = (
        rules.accepted_step(secret(row), code, now=now, last_step=0)
        if isinstance(code, Code)
        else None
    )
    if taken is None:
        raise Invalid(BAD, errors=[FieldProblem("/code", "code", BAD)])
    _changed(user_id, _self(user_id), cause="turn_on_second_factor", now=now)
    row.last_step, row.confirmed_at = taken, now
    codes = _drawn(row)
    row.save(update_fields=["last_step", "confirmed_at", "recovery_digests"])
    return codes


BAD: Final = "This is not the code that the app shows now."


@transaction.atomic
def prove(user_id: UUID, text: str, *, now: datetime) -> Proof | None:
    """Take a code of a person; ``None`` when it is not good.

    A good one is used up. Decided on the locked row: of two requests with the same code one is
    refused. Bad ones are counted, and beyond the first few nothing is looked at for a while; that
    hurts nobody else, since only who has the password comes this far.

    Locks: the second factor.

    Raises:
        TooMany: wait; says for how long.
        Unavailable: no key is here that opens the secret.
    """
    row = _on(user_id)
    if row is None:
        return None
    if row.wait_until is not None and now < row.wait_until:
        left_s = (row.wait_until - now).total_seconds()
        raise TooMany("too many bad codes of your second factor: wait", retry_after_s=left_s)
    attribution.attribute(_self(user_id), cause="use_recovery_code")
    code = rules.read(text)
    if not _taken(row, code, now=now):
        row.bad_codes += 1
        row.wait_until = now + rules.wait_after(row.bad_codes)
        row.save(update_fields=["bad_codes", "wait_until"])
        return None
    bad_before, row.bad_codes, row.wait_until = row.bad_codes, 0, None
    row.save(update_fields=["bad_codes", "wait_until", "last_step", "recovery_digests"])
    by_recovery_code = isinstance(code, RecoveryCode)
    return Proof(by_recovery_code, len(row.recovery_digests), bad_before)


@transaction.atomic
def renew(user_id: UUID, *, now: datetime) -> list[str]:
    """Replace the recovery codes of a person who has just proved the factor; return the new ones.

    Locks: the second factor.

    Raises:
        Conflict: it is not on.
    """
    row = _on(user_id)
    if row is None:
        raise Conflict("your second factor is off")
    attribution.attribute(_self(user_id), cause="renew_recovery_codes")
    codes = _drawn(row)
    row.save(update_fields=["recovery_digests"])
    return codes


@transaction.atomic
def turn_off(user_id: UUID, *, now: datetime) -> None:
    """Forget the second factor of a person who has just proved it; every other session ends.

    Locks: the person, then their second factor.
    """
    _gone(user_id, _self(user_id), cause="turn_off_second_factor", now=now)


@transaction.atomic
def reset(name: str, *, by: Principal, now: datetime) -> None:
    """Forget the second factor of somebody who lost theirs; all their sessions end.

    Locks: the person, then their second factor.

    Raises:
        NotFound: nobody has this name, or this person no second factor.
        Forbidden: the caller does not look after people everywhere, or it is their own, or a
            superuser's, and they are none.
    """
    by.require(Permission.MEMBERS_WRITE, None)
    user = selectors.user_named(name)
    if user.pk == by.id:
        raise Forbidden("nobody resets their own second factor: turn it off with a code")
    if user.is_superuser and not User.objects.filter(pk=by.id, is_superuser=True).exists():
        raise Forbidden(f"{name} is a superuser: only a superuser resets their second factor")
    _reset(user, by.actor, now=now)


@transaction.atomic
def reset_on_the_server(name: str, *, now: datetime) -> None:
    """Forget it for whoever works on the server itself, and so may do everything anyway.

    Locks: the person, then their second factor.

    Raises:
        NotFound: nobody has this name, or this person no second factor.
    """
    _reset(selectors.user_named(name), attribution.SYSTEM, now=now)


def rewrap(envelope: Envelope) -> Mapping[str, int]:
    """Wrap every secret anew under the newest key; return how many each key keeps, by its id.

    Locks: the second factors, by pk.

    Raises:
        CannotDecrypt: one is under a key that is not here.
    """
    counts: Counter[str] = Counter()
    for row in SecondFactor.objects.order_by("pk").select_for_update(of=("self",), no_key=True):
        if not envelope.is_current(row.encrypted_secret):
            row.encrypted_secret = envelope.rewrap(row.encrypted_secret, place(row.pk))
            row.save(update_fields=["encrypted_secret"])
        counts[row.encrypted_secret.split(".")[1]] += 1
    return counts


def _locked(user_id: UUID) -> SecondFactor | None:
    """Lock a person, and return their second factor, locked, if it is on."""
    User.objects.select_for_update(of=("self",), no_key=True).get(pk=user_id)
    return _on(user_id)


def _on(user_id: UUID) -> SecondFactor | None:
    rows = SecondFactor.objects.select_for_update(of=("self",), no_key=True)
    return rows.filter(user=user_id, confirmed_at__isnull=False).first()


def _taken(row: SecondFactor, code: Code | RecoveryCode | None, *, now: datetime) -> bool:
    """Use a code up; false when it is not good."""
    if isinstance(code, Code):
        step = rules.accepted_step(secret(row), code, now=now, last_step=row.last_step)
        row.last_step = step or row.last_step
        return step is not None
    if code is None or (digest := _digest(code)) not in row.recovery_digests:
        return False
    row.recovery_digests.remove(digest)
    return True


def _drawn(row: SecondFactor) -> list[str]:
    codes = [
        rules.recovery_code(os.urandom(rules.RECOVERY_BYTES)) for _ in range(rules.RECOVERY_CODES)
    ]
    read = [rules.read(code) for code in codes]
    row.recovery_digests = [_digest(code) for code in read if isinstance(code, RecoveryCode)]
    return codes


def _digest(code: RecoveryCode) -> str:
    return ids.digest(settings.TOKEN_PEPPER.encode(), f"recovery\x00{code.text}").hex()


def _reset(user: User, actor: Actor, *, now: datetime) -> None:
    if not _gone(user.pk, actor, cause="reset_second_factor", now=now):
        raise NotFound(f"{user.username} has no second factor")


def _gone(user_id: UUID, actor: Actor, *, cause: str, now: datetime) -> bool:
    was_on = _locked(user_id) is not None
    _changed(user_id, actor, cause=cause, now=now)
    SecondFactor.objects.filter(user=user_id).delete()
    return was_on


def _changed(user_id: UUID, actor: Actor, *, cause: str, now: datetime) -> None:
    attribution.attribute(actor, cause=cause)
    User.objects.filter(pk=user_id).update(factor_changed_at=now)


def _self(user_id: UUID) -> Actor:
    return Actor("user", str(user_id))
