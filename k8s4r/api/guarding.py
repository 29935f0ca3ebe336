"""Who has shown bad credentials too often? Then this address or name waits, and nobody else.

Only failures are counted, so that good calls pay nothing: a process asks Redis when a credential
was bad, and remembers who has to wait until when. A good token never waits, wherever it comes from:
behind one address may stand a guesser and a hundred agents. Without Redis no bad token is slowed,
and nobody can log in with a password.
"""

import logging
import time
from collections import Counter as Tally
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final
from uuid import UUID

from django.conf import settings

from k8s4r.access.principals import Principal
from k8s4r.api import counting
from k8s4r.api.counting import Count
from k8s4r.core import ids
from k8s4r.core.errors import Malformed, TooMany, Unauthenticated, Unavailable

logger = logging.getLogger(__name__)

MOST_WAITING: Final = 10_000
# How often those who need not wait any more are let go.
SWEEP_S: Final = 5.0


class Guard:
    """Remembers for this process who has to wait; counts how many were refused."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._until: dict[str, float] = {}
        self._sweep_at = 0.0
        # Read by the metrics: how many credentials were bad, and how many were not looked at.
        self.tally: Tally[str] = Tally()

    @property
    def is_quiet(self) -> bool:
        """Has nobody to wait? The busiest paths ask this and no more.

        Where only good tokens come, nobody else lets those go who need not wait any more.
        """
        if self._until:
            self._sweep()
        return not self._until

    def check(self, names: Sequence[str]) -> None:
        """Refuse those who have to wait.

        Raises:
            TooMany: one of the names has failed too often; says for how long.
        """
        now_s = self._sweep()
        left_s = max((self._until.get(name, 0.0) for name in names), default=0.0) - now_s
        if left_s > 0:
            self.tally["slowed"] += 1
            raise _too_many(left_s)

    def failed(self, names: Sequence[str], counts: Sequence[Count]) -> None:
        """Take in that a credential was bad; ``counts`` are of the names.

        Raises:
            TooMany: that was once too often.
        """
        over = [
            (name, count)
            for name, count in zip(names, counts, strict=True)
            if count.times > settings.BAD_CREDENTIALS
        ]
        if not over:
            return
        for name, count in over:
            self._wait(name, count)
        self.tally["slowed"] += 1
        raise _too_many(max(count.ends_s for _, count in over))

    def forget(self) -> None:
        """Let everybody in again."""
        self._until.clear()

    def _sweep(self) -> float:
        """Let those go whose wait is over, now and then; return the time."""
        now_s = self._monotonic()
        if now_s >= self._sweep_at:
            self._until = {name: until for name, until in self._until.items() if until > now_s}
            self._sweep_at = now_s + SWEEP_S
        return now_s

    def _wait(self, name: str, count: Count) -> None:
        if len(self._until) >= MOST_WAITING:
            self._until.clear()
        if self._until.get(name, 0.0) < self._monotonic():
            logger.warning("credentials_slowed", extra={"who": name, "for_s": count.ends_s})
        self._until[name] = self._monotonic() + count.ends_s


GUARD: Final = Guard()


def proven(text: str, *, address: str, prove: Callable[[], Principal | None]) -> Principal:
    """Return whose token this is; ``prove`` looks it up.

    Raises:
        Unauthenticated: it is not good.
        TooMany: too many were not, from there or with this key id.
    """
    check_token(text, address=address)
    principal = prove()
    if principal is None:
        bad_token(text, address=address)
        raise Unauthenticated("this token is not valid")
    return principal


def check_token(text: str, *, address: str) -> None:
    """Refuse what cannot be a token when it comes from who has to wait; others are looked up.

    Raises:
        TooMany: says for how long.
    """
    if not GUARD.is_quiet and len(names := _names(text, address)) == 1:
        GUARD.check(names)


def bad_token(text: str, *, address: str) -> None:
    """Count a token that was not good. May block: not in an event loop.

    Raises:
        TooMany: that was once too often.
    """
    GUARD.tally["bad_token"] += 1
    names = _names(text, address)
    if not GUARD.is_quiet:
        GUARD.check(names)
    with suppress(Unavailable):
        _count(names)


def check_login(user: str, *, address: str) -> None:
    """Refuse a login of somebody who has to wait.

    Raises:
        TooMany: says for how long.
        Unavailable: Redis is away, and with it what tells a flood from a person.
    """
    _check(_login_names(user, address))


def bad_login(user: str, *, address: str) -> None:
    """Count a login that was not good.

    Raises:
        TooMany: that was once too often.
        Unavailable: Redis is away.
    """
    GUARD.tally["bad_login"] += 1
    logger.info("login_refused", extra={"address": address})
    _count(_login_names(user, address))


def check_pod(pod_id: UUID) -> None:
    """Refuse a proof of a pod for which too many were bad: each of them costs its cluster a call.

    Raises:
        TooMany: says for how long.
        Unavailable: Redis is away.
    """
    _check([_pod(pod_id)])


def bad_pod(pod_id: UUID, *, address: str) -> None:
    """Count a proof of a pod that was not good, there and with what else comes from the address.

    Raises:
        TooMany: that was once too often.
        Unavailable: Redis is away.
    """
    GUARD.tally["bad_token"] += 1
    _count([_pod(pod_id), f"address:{address}"])


def _check(names: Sequence[str]) -> None:
    """Refuse whom this process or another has heard too often."""
    GUARD.check(names)
    if settings.BAD_CREDENTIALS:
        GUARD.failed(names, counting.counter().asked(names))


def _count(names: Sequence[str]) -> None:
    """Count a failure of these names, in all processes."""
    if settings.BAD_CREDENTIALS:
        window_s = settings.BAD_CREDENTIALS_WINDOW_S
        GUARD.failed(names, counting.counter().counted(names, window_s=window_s))


def _pod(pod_id: UUID) -> str:
    return f"pod:{pod_id}"


def _names(text: str, address: str) -> list[str]:
    """Return under which names a token counts: what cannot be one has no key id."""
    try:
        return [f"address:{address}", f"key:{ids.parse_token(text).key_id}"]
    except Malformed:
        return [f"address:{address}"]


def _login_names(user: str, address: str) -> list[str]:
    return [
        f"address:{address}",
        f"user:{ids.digest(settings.TOKEN_PEPPER.encode(), user.casefold()).hex()[:32]}",
    ]


def _too_many(left_s: float) -> TooMany:
    return TooMany("too many bad credentials from there: wait", retry_after_s=left_s)
