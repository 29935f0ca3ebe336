"""Is there another try, and after how long?"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from random import Random
from typing import Final

from k8s4r.core.backoff import Backoff, Growth, delay_s

MAX_ATTEMPTS: Final = 100


class RetryOn(StrEnum):
    """How an attempt can end so that another try makes sense."""

    FAILED = "failed"
    LOST = "lost"
    TIMED_OUT = "timed_out"


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """When a task is tried again.

    ``max_attempts`` counts every attempt that was made, lost ones too. By default only lost work
    is tried again: that an agent died says nothing about the work, an exit code does.
    """

    max_attempts: int = 3
    delay: Growth = Growth.EXPONENTIAL
    base_s: float = 5.0
    cap_s: float = 300.0
    jitter: float = 0.2
    on: frozenset[RetryOn] = frozenset({RetryOn.LOST})


def next_attempt(
    policy: RetryPolicy, *, attempts_made: int, outcome: RetryOn, random: Random
) -> timedelta | None:
    """Return the delay before the next attempt, or ``None``: the task ends with this outcome."""
    if outcome not in policy.on or attempts_made >= policy.max_attempts:
        return None
    backoff = Backoff(policy.delay, policy.base_s, policy.cap_s, policy.jitter)
    return timedelta(seconds=delay_s(backoff, max(attempts_made, 1), random))
