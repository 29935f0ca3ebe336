"""Is an agent there, and when does a runner that hears nothing stop its work by itself?

The server and the client program share this arithmetic, so that both sides agree on it.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from agents.core.states import Observed, Sign, observed_after

HEARTBEAT: Final = timedelta(seconds=10)
OFFLINE_AFTER: Final = timedelta(seconds=60)
STOP_MARGIN: Final = timedelta(seconds=30)
KILL_GRACE: Final = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class LivenessPolicy:
    """How long an agent may be silent before it counts as offline."""

    heartbeat: timedelta = HEARTBEAT
    offline_after: timedelta = OFFLINE_AFTER

    def __post_init__(self) -> None:
        if self.heartbeat * 2 > self.offline_after:
            raise ValueError(
                f"offline_after ({self.offline_after}) must allow at least one missed heartbeat "
                f"({self.heartbeat})"
            )


def after_heartbeat(observed: Observed, error: str | None) -> Observed:
    """Return what an agent is after a heartbeat; ``error`` is why it says it cannot work."""
    return observed_after(observed, Sign.BROKEN if error else Sign.SEEN)


def stop_after_s(lost_after_s: float, margin: timedelta = STOP_MARGIN) -> float:
    """Return how long a runner works on without the server, in seconds.

    Counted from the send time of the last acknowledged heartbeat, for the policies ``replace``
    and ``stop``. The margin leaves time to kill before the server calls the work lost. Where it
    would take more than half of a short lease, half of the lease is left: a runner must survive
    one late heartbeat.
    """
    return max(lost_after_s - margin.total_seconds(), lost_after_s / 2)
