"""What does the runner know of one attempt?

    waiting --slot free--> running --stop--> stopping --all gone--> ended
                              |--main process ended, others left--> clearing --all gone--> ended
                              |--a plan was made--> storing --> held --its apply or nothing--> ended

An attempt is kept until its end report is acknowledged, a held plan until the server lets it go.
"""

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from agents.client.drivers.base import Child, End
from agents.client.runner.output import Tail
from agents.client.runner.plan_file import PlanFile
from agents.client.runner.records import Entry
from agents.wire.messages import Held, Order
from agents.wire.orders import PLAN, PLAN_AND_APPLY


class Phase(StrEnum):
    """Where the work of an attempt is; `ENDED` work may still have reports to deliver."""

    WAITING = "waiting"
    RUNNING = "running"
    STOPPING = "stopping"
    CLEARING = "clearing"
    STORING = "storing"
    HELD = "held"
    ENDED = "ended"


LIVE = frozenset({Phase.RUNNING, Phase.STOPPING, Phase.CLEARING, Phase.STORING})


@dataclass(slots=True, eq=False)
class Attempt:
    """One order, its work, and the reports about it that the server has not acknowledged.

    ``sent`` is the highest ``seq`` handed to the present link; ``acked`` the highest that the
    server has. ``unwanted`` attempts are superseded: they are stopped and forgotten in silence.
    ``reported`` says how far into each output file reports have come. ``stop_reason`` is whose
    wish the stop was, ``ended_for`` what the work itself did wrong. ``plan`` is what is stored
    with the server. ``handed_over``: its folder belongs to the apply now.
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
    plan: PlanFile | None = None
    handed_over: bool = False

    @property
    def id(self) -> UUID:
        return self.order.attempt

    @property
    def makes_plan_to_apply(self) -> bool:
        """Is its success a plan that somebody has to decide about?"""
        task = self.order.task
        return task.kind == PLAN_AND_APPLY and task.phase == PLAN

    @property
    def is_reported(self) -> bool:
        """Does the server have everything that there is to say for now?"""
        return self.phase is Phase.HELD and not self.entries

    @property
    def is_settled(self) -> bool:
        """Is there nothing left to run and nothing left to say?"""
        return self.phase is Phase.ENDED and (
            self.unwanted or (self.has_end_report and not self.entries)
        )

    def as_held(self) -> Held:
        slot = None if self.phase in {Phase.WAITING, Phase.ENDED} else self.order.slot
        return Held(attempt=self.id, token=self.order.token, running=self.phase in LIVE, slot=slot)
