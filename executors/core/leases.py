"""When is work lost, and may the server say so yet?

One heartbeat renews everything that an agent runs. The runner stops by itself before the server
calls the work lost, and the server waits again before it starts the work elsewhere:

    last heartbeat .. stop .. + kill grace .. lost .. requeue

An outage of our own loses nobody's work: gateways and sweeper write a pulse every few seconds, and
after a gap in either, every lease counts from the end of that gap.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from agents.core.liveness import (
    HEARTBEAT,
    KILL_GRACE,
    OFFLINE_AFTER,
    STOP_MARGIN,
    LivenessPolicy,
    stop_after_s,
)


@dataclass(frozen=True, slots=True)
class LeasePolicy:
    """Every duration of the lease, checked against each other.

    Raises:
        ValueError: the order `heartbeat < stop`, `stop + kill < lost < requeue` does not hold for
            the shortest lease that is allowed; the message names the settings.
    """

    heartbeat: timedelta = HEARTBEAT
    offline_after: timedelta = OFFLINE_AFTER
    requeue_grace: timedelta = timedelta(seconds=15)
    stop_margin: timedelta = STOP_MARGIN
    kill_grace: timedelta = KILL_GRACE
    pulse: timedelta = timedelta(seconds=5)
    outage_gap: timedelta = timedelta(seconds=15)
    min_lost_after_s: int = 30
    default_lost_after_s: int = 120

    def __post_init__(self) -> None:
        LivenessPolicy(self.heartbeat, self.offline_after)
        stop_s = self.stop_after_s(self.min_lost_after_s)
        lost_s = self.min_lost_after_s
        _demand(self.heartbeat.total_seconds() < stop_s, "heartbeat must be below the stop time")
        _demand(
            stop_s + self.kill_grace.total_seconds() < lost_s,
            f"stop ({stop_s} s) + kill_grace must be below lost_after ({lost_s} s)",
        )
        _demand(self.requeue_grace > timedelta(0), "requeue_grace must be above 0")
        _demand(self.pulse * 2 < self.outage_gap, "outage_gap must allow one missed pulse")
        _demand(
            self.min_lost_after_s <= self.default_lost_after_s,
            "default_lost_after_s must be at least min_lost_after_s",
        )

    def stop_after_s(self, lost_after_s: float) -> float:
        """Return how long a runner works on without the server, in seconds."""
        return stop_after_s(lost_after_s, self.stop_margin)

    def requeue_delay(self, retry_delay: timedelta) -> timedelta:
        """Return how long lost work waits before its next attempt, counted from lost."""
        return max(retry_delay, self.requeue_grace)


class PulseSource(StrEnum):
    """Which parts of the control plane must have been up for silence to mean anything."""

    GATEWAY = "gateway"
    SWEEPER = "sweeper"


@dataclass(frozen=True, slots=True)
class Pulse:
    """When one kind of part was seen last, and since when without a gap.

    Many processes of one kind share one row: while one of them lives there is no gap.
    """

    source: PulseSource
    seen_at: datetime
    steady_since: datetime


REQUIRED_PULSES: Final = frozenset(PulseSource)


def beat(
    source: PulseSource, previous: Pulse | None, *, now: datetime, policy: LeasePolicy
) -> Pulse:
    """Return the pulse to store now; it begins anew at the first start and after a gap."""
    if previous is None or now - previous.seen_at > policy.outage_gap:
        return Pulse(source, seen_at=now, steady_since=now)
    return Pulse(source, max(now, previous.seen_at), previous.steady_since)


def steady_since(pulses: Iterable[Pulse], *, now: datetime, policy: LeasePolicy) -> datetime | None:
    """Return since when silence has a meaning; ``None``: a part is away, so nothing may expire.

    Give it to `lease_ends` as the floor of every lease: expiry then waits one whole
    ``lost_after_s`` after an outage of our own.
    """
    by_source = {pulse.source: pulse for pulse in pulses}
    if not by_source.keys() >= REQUIRED_PULSES:
        return None
    if any(now - pulse.seen_at > policy.outage_gap for pulse in by_source.values()):
        return None
    return max(pulse.steady_since for pulse in by_source.values())


def lease_ends(
    last_heartbeat: datetime, lost_after_s: int, *, floor: datetime | None = None
) -> datetime:
    """Return when work is lost; ``floor`` is what `steady_since` says."""
    begins = last_heartbeat if floor is None else max(last_heartbeat, floor)
    return begins + timedelta(seconds=lost_after_s)


def is_overdue(
    last_heartbeat: datetime, lost_after_s: int, *, now: datetime, floor: datetime | None
) -> bool:
    """Is the work lost? Never while ``floor`` is ``None``: then a part of our own is away."""
    return floor is not None and now >= lease_ends(last_heartbeat, lost_after_s, floor=floor)


def _demand(holds: bool, rule: str) -> None:
    if not holds:
        raise ValueError(rule)
