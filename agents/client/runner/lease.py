"""May this work still run, given how long ago the server was heard?

The runner stops work with policy ``replace`` or ``stop`` before the server calls it lost and
starts it elsewhere. ``wait`` runs on: nobody else starts it.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from agents.core.liveness import stop_after_s
from agents.wire.messages import Order

# Why work is stopped that may not run any longer.
DISCONNECTED: Final = "disconnected"
# Why work is stopped whose runner was told to end.
AGENT_STOP: Final = "agent_stop"


@dataclass(frozen=True, slots=True)
class LeaseTerms:
    """How long before its loss work is stopped, and the most that it then gets to end.

    The grace counts whatever an order says: another agent may start the work soon.

    Raises:
        ValueError: the kill would not be over before the work is lost.
    """

    stop_margin_s: float = 30.0
    kill_grace_s: float = 10.0

    def __post_init__(self) -> None:
        if not 0 <= self.kill_grace_s < self.stop_margin_s:
            raise ValueError(
                f"kill grace ({self.kill_grace_s} s) must be below the stop margin "
                f"({self.stop_margin_s} s)"
            )

    def patience_s(self, order: Order) -> float | None:
        """Return how long the work may go on without the server; ``None`` is forever."""
        if order.disconnect == "wait":
            return None
        return stop_after_s(order.lost_after_s, timedelta(seconds=self.stop_margin_s))


def may_run(order: Order, terms: LeaseTerms, *, silence_s: float) -> bool:
    """May the work of this order run, after so much silence?"""
    patience = terms.patience_s(order)
    return patience is None or silence_s < patience
