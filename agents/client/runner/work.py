"""Which orders does the runner have, what starts now, and what is said about each?

An order is written down before it has an effect. It starts when its slot is free, when its lease
still holds and when nobody stopped it meanwhile. All reports of an attempt are made here or in
`ending`, so that they are dense and the end report is the last.
"""

import logging
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Final, TypeAlias, TypeVar
from uuid import UUID

from agents.client.clock import Clock
from agents.client.drivers.base import Child, End, Launch, Place, Start
from agents.client.restrictions import Forbidden
from agents.client.runner import output, reports, rest
from agents.client.runner.attempt import LIVE, Attempt, Phase
from agents.client.runner.holding import Holding
from agents.client.runner.lease import DISCONNECTED, may_run
from agents.client.runner.machine import Machine
from agents.client.runner.outbox import Outbox
from agents.client.runner.output import Tail
from agents.client.runner.slots import Slots
from agents.client.runner.spool import Spool
from agents.client.runner.starters import Starters
from agents.wire.messages import Order
from agents.wire.orders import REPLAN_REQUIRED

logger = logging.getLogger(__name__)

V = TypeVar("V")
# When it was begun, and what became of it; None: its lease is gone, nothing was done.
GuardedStart: TypeAlias = Callable[[], tuple[float, Launch | None]]
REMEMBERED: Final = 2_000
# Between two groups of starts the loop looks at everything else. What a group starts and ends is
# reported together: an attempt of 32 costs the gateway 0.47 ms of CPU, one of 8 costs it 0.72.
STARTS_AT_ONCE: Final = 32


class Work:
    """Every held attempt, by id and by the slot that it occupies."""

    def __init__(self, machine: Machine, spool: Spool, outbox: Outbox, clock: Clock) -> None:
        self.machine = machine
        self.slots = machine.slots
        self.spool = spool
        self.outbox = outbox
        self.clock = clock
        self.held: dict[UUID, Attempt] = {}
        self.heard_at: float | None = None
        self.refuses: str | None = None
        self.unwilling: str | None = None
        self._most_offered = machine.slots
        self.fresh_children: list[Attempt] = []
        self.changed = True
        self.shortest_patience_s = float("inf")
        self._starters = Starters()
        self._waiting: deque[Attempt] = deque()
        self.taken = Slots()
        self.holding = Holding(spool, self.taken, outbox)
        self._stops: OrderedDict[UUID, str] = OrderedDict()
        self._done: OrderedDict[UUID, None] = OrderedDict()

    @property
    def silence_s(self) -> float:
        """How long nothing was heard of the server; endless before the first time."""
        return float("inf") if self.heard_at is None else self.clock.now() - self.heard_at

    @property
    def free(self) -> int:
        return max(0, self.slots - len(self.taken))

    def offer(self, slots: int | None) -> None:
        """Offer so many slots, within what the owner allows; None: as configured here.

        What runs goes on: surplus slots are gone once they are idle. Orders that are under way to
        them are still taken.
        """
        self.slots = min(slots or self.machine.slots, self.machine.most_slots)
        self._most_offered = max(self._most_offered, self.slots)
        self.changed = True

    def live(self) -> list[Attempt]:
        """Return the attempts that have processes, or may have some still."""
        occupants = (self.held.get(attempt) for attempt in self.taken.occupants())
        return [attempt for attempt in occupants if attempt is not None and attempt.phase in LIVE]

    def adopt(self, attempt: Attempt) -> None:
        """Take over what an earlier runner left: ended work that has something to report, or plans.

        A plan whose folder is gone is none: the server hears of it by its absence.
        """
        self.held[attempt.id] = attempt
        if attempt.phase is Phase.HELD:
            if not self.holding.adopt(attempt):
                self.drop(attempt)
        elif not attempt.has_end_report and not attempt.unwanted:
            rest.report(attempt, self.spool, now=self.clock.now())
            self.end(attempt, reports.stopped(attempt, "runner_lost", at=self.clock.now()))
        self.outbox.offer(attempt)
        self.forget_if_settled(attempt)

    def take(self, orders: list[Order]) -> None:
        """Take orders in; those that are known already are dropped."""
        fresh: list[Attempt] = []
        for order in orders:
            if order.attempt not in self.held and order.attempt not in self._done:
                self.held[order.attempt] = self.spool.accept(order)
                fresh.append(self.held[order.attempt])
                self._note_patience(order)
        try:
            self.spool.journal.write()
        except OSError as error:
            for attempt in fresh:
                self._end_at_once(attempt, End(signal_reason="disk_full", message=str(error)))
            return
        self._waiting.extend(fresh)

    def start_waiting(self) -> bool:
        """Start some of what waits for a slot that is free; say whether more could start."""
        starting: list[tuple[Attempt, GuardedStart]] = []
        for _ in range(len(self._waiting)):
            if len(starting) == STARTS_AT_ONCE:
                break
            attempt = self._waiting.popleft()
            if attempt.phase is not Phase.WAITING:
                continue
            if not self.taken.is_open_to(attempt.order.slot, _plan_of(attempt.order)):
                self._waiting.append(attempt)
                continue
            start = self._occupy(attempt)
            if start is not None:
                starting.append((attempt, start))
        launches = self._starters.run([start for _, start in starting])
        for (attempt, _), (at, launch) in zip(starting, launches, strict=True):
            self._launched(attempt, launch, at=at)
        return len(starting) == STARTS_AT_ONCE

    def is_awaited(self, plan: UUID) -> bool:
        """Is there an apply that has not begun and takes this plan over?"""
        return any(_plan_of(one.order) == plan for one in self._waiting)

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
        self.taken.release(attempt.order.slot, attempt.id)
        self.outbox.offer(attempt)
        self.changed = True

    def forget_if_settled(self, attempt: Attempt) -> None:
        """Drop an attempt that has nothing left to run and nothing left to say."""
        if attempt.is_settled and self.held.pop(attempt.id, None) is not None:
            self.spool.forget(attempt)
            _remember(self._done, attempt.id, None)
            self.changed = True

    def drop(self, attempt: Attempt) -> None:
        """Forget an attempt of which nothing runs, without a word."""
        self.spool.unwanted(attempt)
        self.release(attempt)
        self.forget_if_settled(attempt)

    def _take_over_plan(self, order: Order) -> str:
        """Let an apply have the slot and the folder of its plan; else return why not."""
        plan = self.held.get(order.plan.attempt) if order.plan else None
        refusal = self.holding.refusal(order, plan) if order.plan else ""
        if plan is not None and not refusal:
            plan.handed_over = True
            self.drop(plan)
        return refusal

    def _occupy(self, attempt: Attempt) -> GuardedStart | None:
        """Give an attempt its slot and return what begins it; or end it for the reason why not."""
        self.changed = True
        now = self.clock.now()
        stop = self._stops.pop(attempt.id, None) or self._lapse(attempt.order)
        if stop is not None:
            self.end(attempt, reports.stopped(attempt, stop, at=now))
            return None
        changed = self._take_over_plan(attempt.order)
        if changed:
            refusal = reports.refused(attempt, changed, at=now, reason=REPLAN_REQUIRED)
            self.end(attempt, refusal)
            return None
        self.taken.acquire(attempt.order.slot, attempt.id)
        try:
            start = self._prepare(attempt.order)
        except Forbidden as error:
            self.end(attempt, reports.refused(attempt, str(error), at=now))
            return None
        if isinstance(start, End):
            self._end_at_once(attempt, start)
            return None
        return lambda: self._begin(attempt.order, start)

    def _begin(self, order: Order, start: Start) -> tuple[float, Launch | None]:
        """Start it now, in whatever thread, unless its lease has gone since.

        The lease is asked right before the effect: the machine may sleep between two of a group.
        The time is taken there too: when the runner hears of it, short work may be over.
        """
        at = self.clock.now()
        return at, None if self._lapse(order) else start()

    def _prepare(self, order: Order) -> Start | End:
        refusal = self._refusal(order)
        if refusal is not None:
            raise Forbidden(refusal)
        files = self.spool.files(order)
        marks = self.machine.marks(order, files.work)
        place = Place(*files, marks=marks, new_output=self.spool.blanks.new)
        return self.machine.drivers[order.task.driver].prepare(order, place)

    def _note_patience(self, order: Order) -> None:
        """Keep the least that any order since the start allows: before that nothing can lapse."""
        patience = self.machine.terms.patience_s(order)
        if patience is not None:
            self.shortest_patience_s = min(self.shortest_patience_s, patience)

    def _lapse(self, order: Order) -> str | None:
        may = may_run(order, self.machine.terms, silence_s=self.silence_s)
        return None if may else DISCONNECTED

    def _refusal(self, order: Order) -> str | None:
        refuses = self.refuses or self.unwilling
        # An apply is the rest of what was begun here: who finishes what they have does it.
        if refuses is not None and order.plan is None:
            return refuses
        if order.slot >= self._most_offered:
            return f"this machine has {self.slots} slots; the order is for {order.slot}"
        if order.task.driver not in self.machine.drivers:
            return f"driver {order.task.driver!r} is not available on this machine"
        return None

    def _launched(self, attempt: Attempt, launch: Launch | None, *, at: float) -> None:
        if isinstance(launch, Child):
            self._follow(attempt, launch, at=at)
        elif launch is None:
            self.end(attempt, reports.stopped(attempt, DISCONNECTED, at=at))
        else:
            self._end_at_once(attempt, launch)

    def _follow(self, attempt: Attempt, child: Child, *, at: float) -> None:
        attempt.child, attempt.phase = child, Phase.RUNNING
        attempt.started_at = at
        self.spool.launched(attempt, pid=child.pid, start_ticks=child.start_ticks)
        self.spool.note(attempt, reports.started(attempt, at=at))
        attempt.tail = Tail(
            self.spool.files(attempt.order),
            limit_bytes=output.room(child.output_limit_bytes),
            slowest_look_s=rest.SLOWEST_LOOK_S,
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
        report = reports.finished(attempt, end, at=now)
        if end.exit_code == 0 and attempt.makes_plan_to_apply:
            self.holding.hold(attempt, report)
        else:
            self.end(attempt, report)


def _plan_of(order: Order) -> UUID | None:
    return None if order.plan is None else order.plan.attempt


def _remember(memory: "OrderedDict[UUID, V]", key: UUID, value: V) -> None:
    memory[key] = value
    if len(memory) > REMEMBERED:
        memory.popitem(last=False)
