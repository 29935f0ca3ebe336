"""How do the pods of a pool stand: how many are coming, do they fail, when is the next try?

Pods that never worked are what back-off counts: one that ran out of memory at work says nothing
about the next. Those that were made at once and failed at once are one failure.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from pools.core.pods import COUNTED, PodFailure, PodState

# After the first failure in a row, the second, and so on.
DELAYS: Final = tuple(timedelta(minutes=minutes) for minutes in (0, 1, 2, 4, 8, 10))
# Older failures than this say nothing about the next pod.
REMEMBERED: Final = timedelta(hours=1)

COMING: Final = frozenset({PodState.CREATING, PodState.STARTING})


@dataclass(frozen=True, slots=True)
class Failed:
    """A pod that failed before it ever worked."""

    created_at: datetime
    failed_at: datetime
    code: PodFailure
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """How the pods of a pool stand.

    ``starting`` are on their way, the longest since ``since``; ``in_a_row`` failed to start since
    one did, ``last`` is the newest of those; the next is made at ``retry_at``. ``troubled`` is not
    given up and says why it does not start.
    """

    starting: int = 0
    since: datetime | None = None
    states: str = ""
    ready: int = 0
    counted: int = 0
    most: int = 0
    in_a_row: int = 0
    last: Failed | None = None
    retry_at: datetime | None = None
    troubled: Failed | None = None

    @property
    def is_failing(self) -> bool:
        """Did the newest pods fail to start, or does one of those say that it cannot?"""
        return self.last is not None or self.troubled is not None

    @property
    def is_at_most(self) -> bool:
        """Has the pool as many pods as it may have?"""
        return self.counted >= self.most

    @property
    def failure(self) -> Failed | None:
        """What to look at first."""
        return self.troubled or self.last


@dataclass(frozen=True, slots=True)
class Count:
    """How many pods of a pool are in a state, and since when the oldest of them exists."""

    state: PodState
    pods: int
    oldest: datetime


def outlook(
    counts: Sequence[Count],
    failed: Sequence[Failed],
    *,
    most: int,
    troubled: Failed | None = None,
) -> Outlook:
    """Put together how the pods of a pool stand; ``failed`` are those since one worked."""
    coming = [one for one in counts if one.state in COMING]
    streak = in_a_row(failed)
    last = max(failed, key=lambda one: one.failed_at, default=None)
    return Outlook(
        starting=sum(one.pods for one in coming),
        since=min((one.oldest for one in coming), default=None),
        states=", ".join(f"{one.pods} {one.state}" for one in coming),
        ready=sum(one.pods for one in counts if one.state is PodState.READY),
        counted=sum(one.pods for one in counts if one.state in COUNTED),
        most=most,
        in_a_row=streak,
        last=last,
        retry_at=None if last is None else last.failed_at + delay(streak),
        troubled=troubled,
    )


def in_a_row(failed: Sequence[Failed]) -> int:
    """Count failures one after the other: pods made before one of them had failed are one."""
    streak, over = 0, None
    for one in sorted(failed, key=lambda one: one.created_at):
        if over is None or one.created_at >= over:
            streak += 1
            over = one.failed_at
    return streak


def delay(streak: int) -> timedelta:
    """Return how long after that many failures in a row the next pod is made."""
    return DELAYS[min(streak, len(DELAYS)) - 1] if streak else timedelta()
