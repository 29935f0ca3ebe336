"""How long to wait before the next try?"""

from dataclasses import dataclass
from enum import StrEnum
from random import Random


class Growth(StrEnum):
    """How the delay grows from try to try."""

    CONSTANT = "constant"
    EXPONENTIAL = "exponential"
    FIBONACCI = "fibonacci"


@dataclass(frozen=True, slots=True)
class Backoff:
    """A rule for delays.

    ``base_s`` is the first delay and ``cap_s`` the longest. ``jitter`` is the share of a delay,
    0 to 1, that chance may take away, so that what failed together does not return together.
    """

    growth: Growth = Growth.EXPONENTIAL
    base_s: float = 1.0
    cap_s: float = 60.0
    jitter: float = 0.2

    def __post_init__(self) -> None:
        assert self.base_s >= 0
        assert self.cap_s >= 0
        assert 0 <= self.jitter <= 1


def delay_s(backoff: Backoff, nth: int, random: Random) -> float:
    """Return the delay before try ``nth`` again, in seconds; ``nth`` is 1 after the first failure.

    Never above ``cap_s``, never below ``(1 - jitter)`` of the delay without jitter.
    """
    assert nth >= 1
    whole = min(_grown_s(backoff, nth), backoff.cap_s)
    return whole * (1 - backoff.jitter * random.random())


def _grown_s(backoff: Backoff, nth: int) -> float:
    if backoff.growth is Growth.CONSTANT:
        return backoff.base_s
    if backoff.growth is Growth.EXPONENTIAL:
        return backoff.base_s * 2.0 ** min(nth - 1, 1000)
    return _fibonacci_s(backoff, nth)


def _fibonacci_s(backoff: Backoff, nth: int) -> float:
    """Return base times 1, 1, 2, 3, 5, ...; stops counting at the cap."""
    now, after = backoff.base_s, backoff.base_s
    for _ in range(nth - 1):
        if now >= backoff.cap_s or now == 0:
            break
        now, after = after, now + after
    return now
