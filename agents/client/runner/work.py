"""Which orders does the runner have, what starts now, and what is said about each?

An order is written down before it has an effect. It starts when its slot is free, when its lease
still holds and when nobody stopped it meanwhile. All reports of an attempt are made here or in
`ending`, so that they are dense and the end report is the last.
"""

import logging
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeVar
from uuid import UUID

from agents.client.clock import Clock
from agents.client.drivers.base import Child, Driver, End, Place
from agents.client.processes import ATTEMPT_MARK, RUNNER_MARK
from agents.client.restrictions import Forbidden
from agents.client.runner import reports
from agents.client.runner.attempt import LIVE, Attempt, Phase
from agents.client.runner.lease import LeaseTerms, may_run
from agents.client.runner.outbox import Outbox
from agents.client.runner.output import Tail
from agents.client.runner.spool import Spool
from agents.wire.messages import Order

logger = logging.getLogger(__name__)

V = TypeVar("V")
REMEMBERED: Final = 2_000
SLOWEST_LOOK_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class Machine:
    """What this agent is for the work it runs."""

    name: str
    session: UUID
    slots: int
    drivers: Mapping[str, Driver]
    terms: LeaseTerms
    grace_cap_s: float = float("inf")


class Work:
    """Every held attempt, by id and by the slot that it occupies."""

    def __init__(self, machine: Machine, spool: Spool, outbox: Outbox, clock: Clock) -> None:
        self.machine = machine
        self.spool = spool
        self.outbox = outbox
        self.clock = clock
        self.held: dict[UUID, Attempt] = {}
        self.heard_at: float | None = None
        self.refuses: str | None = None
        self.fresh_children: list[Attempt] = []
        self.changed = True
        self._slots: dict[int, Attempt] = {}
        self._stops: OrderedDict[UUID, str] = OrderedDict()
        self._done: OrderedDict[UUID, None] = OrderedDict()

    @property
    def silence_s(self) -> float:
        """How long nothing was heard of the server; endless before the first time."""
        return float("inf") if self.heard_at is None else self.clock.now() - self.heard_at

    @property
    def free(self) -> int:
        return max(0, self.machine.slots - len(self._slots))

    def live(self) -> list[Attempt]:
        """Return the attempts that have processes, or may have some still."""
        return [attempt for attempt in self._slots.values() if attempt.phase in LIVE]

    def adopt(self, attempt: Attempt) -> None:
        """Take over what an earlier runner left: ended work that has something to report."""
        self.held[attempt.id] = attempt
        if not attempt.has_end_report and not attempt.unwanted:
            self.end(attempt, reports.stopped(attempt, "runner_lost", at=self.clock.now()))
        self.outbox.offer(attempt)
        self.forget_if_settled(attempt)

    def take(self, orders: list[Order]) -> None:
        """Take orders in; those that are known already are dropped."""
        fresh = [self.spool.accept(order) for order in orders if self._is_new(order.attempt)]
        for attempt in fresh:
            self.held[attempt.id] = attempt
        try:
            self.spool.journal.write()
        except OSError as error:
            for attempt in fresh:
                self._end_at_once(attempt, End(signal_reason="disk_full", message=str(error)))
        self.start_waiting()

    def start_waiting(self) -> None:
        """Start what waits for a slot that is free now."""
        waiting = [attempt for attempt in self.held.values() if attempt.phase is Phase.WAITING]
        for attempt in waiting:
            if attempt.order.slot not in self._slots:
                self._start(attempt)

    def remember_stop(self, attempt: UUID, reason: str) -> None:
        """Keep a stop for an order that may still be under way: it must not start then."""
        if attempt not in self._done:
            _remember(self._stops, attempt, reason)

    def end(self, attempt: Attempt, report: reports.End) -> None:
        """Queue the end report and give the slot back: nothing of the work is left."""
        self.spool.note(attempt, report)
        self.release(attempt)
        logger.info(
            "attempt_ended",
            extra={
                "attempt": attempt.id,
                "task": attempt.order.task.id,
                "how": type(report).__name__,
            },
        )

    def release(self, attempt: Attempt) -> None:
        """Give the slot back and let the attempt's reports go out."""
        attempt.phase = Phase.ENDED
        if self._slots.get(attempt.order.slot) is attempt:
            del self._slots[attempt.order.slot]
        self.outbox.offer(attempt)
        self.changed = True

    def forget_if_settled(self, attempt: Attempt) -> None:
        """Drop an attempt that has nothing left to run and nothing left to say."""
        if attempt.is_settled and self.held.pop(attempt.id, None) is not None:
            self.spool.forget(attempt)
            _remember(self._done, attempt.id, None)
            self.changed = True

    def _is_new(self, attempt: UUID) -> bool:
        return attempt not in self.held and attempt not in self._done

    def _start(self, attempt: Attempt) -> None:
        self._slots[attempt.order.slot] = attempt
        self.changed = True
        now = self.clock.now()
        stop = self._stops.pop(attempt.id, None)
        if stop is None and not may_run(
            attempt.order, self.machine.terms, silence_s=self.silence_s
        ):
            stop = "disconnected"
        if stop is not None:
            self.end(attempt, reports.stopped(attempt, stop, at=now))
            return
        refusal = self._refusal(attempt.order)
        if refusal is not None:
            self.end(attempt, reports.refused(attempt, refusal, at=now))
            return
        self._launch(attempt)

    def _refusal(self, order: Order) -> str | None:
        if self.refuses is not None:
            return self.refuses
        if order.slot >= self.machine.slots:
            return f"this machine has {self.machine.slots} slots; the order is for {order.slot}"
        if order.task.driver not in self.machine.drivers:
            return f"driver {order.task.driver!r} is not available on this machine"
        return None

    def _launch(self, attempt: Attempt) -> None:
        order = attempt.order
        place = Place(self.spool.folder(order.attempt), self._marks(order))
        try:
            launch = self.machine.drivers[order.task.driver].launch(order, place)
        except Forbidden as error:
            self.end(attempt, reports.refused(attempt, str(error), at=self.clock.now()))
            return
        if isinstance(launch, Child):
            self._follow(attempt, launch)
        else:
            self._end_at_once(attempt, launch)

    def _follow(self, attempt: Attempt, child: Child) -> None:
        attempt.child, attempt.phase = child, Phase.RUNNING
        attempt.started_at = self.clock.now()
        self.spool.launched(attempt, pid=child.pid, start_ticks=child.start_ticks)
        self.spool.note(attempt, reports.started(attempt, at=attempt.started_at))
        attempt.tail = Tail(
            self.spool.folder(attempt.id),
            limit_bytes=child.output_limit_bytes,
            slowest_look_s=SLOWEST_LOOK_S,
        )
        self.fresh_children.append(attempt)
        self.outbox.offer(attempt)
        logger.info(
            "attempt_started",
            extra={"attempt": attempt.id, "task": attempt.order.task.id, "pid": child.pid},
        )

    def _end_at_once(self, attempt: Attempt, end: End) -> None:
        now = self.clock.now()
        if not end.signal_reason:
            attempt.started_at = now
            self.spool.note(attempt, reports.started(attempt, at=now))
        self.end(attempt, reports.finished(attempt, end, at=now))

    def _marks(self, order: Order) -> dict[str, str]:
        """Return what a task may know of itself, and what its processes are found by."""
        task = order.task
        return {
            "K8S4R": "true",
            "CI": "true",
            "K8S4R_TASK_ID": str(task.id),
            "K8S4R_PROJECT": task.project,
            "K8S4R_POOL": task.pool,
            "K8S4R_AGENT_NAME": self.machine.name,
            "K8S4R_WORKDIR": str(self.spool.folder(order.attempt) / "work"),
            ATTEMPT_MARK: str(order.attempt),
            RUNNER_MARK: str(self.machine.session),
        }


def _remember(memory: "OrderedDict[UUID, V]", key: UUID, value: V) -> None:
    memory[key] = value
    if len(memory) > REMEMBERED:
        memory.popitem(last=False)
