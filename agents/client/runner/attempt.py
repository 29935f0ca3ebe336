"""What does the runner know of one attempt?

    waiting --slot free--> running --stop--> stopping --all gone--> ended
                              |--main process ended, others left--> clearing --all gone--> ended

An attempt is held until its end report is acknowledged.
"""

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from agents.client.drivers.base import Child, End
from agents.client.runner.output import Tail
from agents.client.runner.records import Entry
from agents.wire.messages import Held, Order


class Phase(StrEnum):
    """Where the work of an attempt is; `ENDED` work may still have reports to deliver."""

    WAITING = "waiting"
    RUNNING = "running"
    STOPPING = "stopping"
    CLEARING = "clearing"
    ENDED = "ended"


LIVE = frozenset({Phase.RUNNING, Phase.STOPPING, Phase.CLEARING})


@dataclass(slots=True, eq=False)
class Attempt:
    """One order, its work, and the reports about it that the server has not acknowledged.

    ``sent`` is the highest ``seq`` handed to the present link; ``acked`` the highest that the
    server has. ``unwanted`` attempts are superseded: they are stopped and forgotten in silence.
    ``reported`` says how far into each output file reports have come. ``stop_reason`` is whose
    wish the stop was, ``ended_for`` what the work itself did wrong.
    """

    order: Order
    phase: Phase = Phase.WAITING
    entries: deque[tuple[Entry, int]] = field(default_factory=deque)
    next_seq: int = 1
    sent: int = 0
    acked: int = 0
    unwanted: bool = False
    has_end_report: bool = False
    enclosed: bool = False
    child: Child | None = None
    tail: Tail | None = None
    reported: dict[str, int] = field(default_factory=dict)
    started_at: float | None = None
    stop_reason: str | None = None
    ended_for: str = ""
    kill_at: float | None = None
    end: End | None = None

    @property
    def id(self) -> UUID:
        return self.order.attempt

    @property
    def is_settled(self) -> bool:
        """Is there nothing left to run and nothing left to say?"""
        return self.phase is Phase.ENDED and (
            self.unwanted or (self.has_end_report and not self.entries)
        )

    def as_held(self) -> Held:
        return Held(attempt=self.id, token=self.order.token, running=self.phase in LIVE)
