"""A runner as the protocol demands it, with its processes on a clock that the test moves.

It stops its own work before the lease ends, keeps results until they are acknowledged, and says
after a crash that what it ran is gone. It keeps plans until their apply or until it is told to let
them go. What it really ran, and when, stays in `World.spans`.
"""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from agents.wire.messages import (
    Claimed,
    Finished,
    Held,
    Log,
    OpenSession,
    Order,
    Refused,
    Report,
    Reports,
    ReportsAnswer,
    SessionOpened,
    Started,
    Stopped,
)
from k8s4r import clock

STOP_MARGIN_S = 30


@dataclass(slots=True)
class Span:
    """A process that really ran: when, of which task and attempt."""

    task: UUID
    attempt: UUID
    began: datetime
    phase: str = "run"
    ended: datetime | None = None


@dataclass(slots=True)
class Work:
    """An attempt on the runner's disk; ``reports`` are numbered from ``acknowledged`` + 1."""

    order: Order
    span: Span | None
    reports: list[Report] = field(default_factory=list)
    seq: int = 0
    ended: bool = False
    held: bool = False


@dataclass(slots=True)
class Runner:
    """One agent's runner. ``boot`` is the moment its clock counts from."""

    agent_id: UUID
    slots: int
    boot: datetime
    spans: list[Span]
    session: UUID = field(default_factory=clock.new_id)
    works: dict[UUID, Work] = field(default_factory=dict)
    acknowledged_at: datetime | None = None

    def seconds(self, now: datetime) -> float:
        """Return the boot clock's reading."""
        return (now - self.boot).total_seconds()

    def hello(self, now: datetime) -> OpenSession:
        """Return what opens the session."""
        held = [
            Held(attempt=work.order.attempt, token=work.order.token, running=not work.ended)
            for work in self.works.values()
        ]
        return OpenSession(
            session=self.session,
            boot_id="one",
            sent_at=self.seconds(now),
            slots=self.slots,
            drivers=["exec", "noop"],
            held=held,
        )

    def welcomed(self, answer: SessionOpened, now: datetime) -> None:
        """Take the session's answer: a first acknowledged word, and what to forget."""
        self.acknowledged_at = now
        self.stop(answer.directives.stop, now)

    def claimed(self, answer: Claimed, now: datetime) -> None:
        """Start what was ordered, unless it is known; stop what is to stop."""
        for order in answer.orders:
            if order.attempt not in self.works and self._may_work(order, now):
                self._begin(order, now)
        self.stop(answer.directives.stop, now)

    def _begin(self, order: Order, now: datetime) -> None:
        if order.plan is not None and not self._takes_over(order):
            work = self.works[order.attempt] = Work(order, None)
            self._end(work, Refused, now, message="gone", reason="replan_required")
            return
        span = Span(order.task.id, order.attempt, now, order.task.phase)
        self.spans.append(span)
        work = self.works[order.attempt] = Work(order, span)
        self._say(work, Started, now)

    def _takes_over(self, order: Order) -> bool:
        """Does the apply find its plan here, in its own slot? It is the apply's then."""
        plan = self.works.get(order.plan.attempt)
        if plan is None or not plan.held or plan.order.slot != order.slot:
            return False
        del self.works[order.plan.attempt]
        return True

    def stop(self, stops, now: datetime) -> None:
        """Stop attempts; superseded ones are forgotten, the others reported."""
        for stop in stops:
            work = self.works.get(stop.attempt)
            if work is None:
                continue
            if stop.reason in {"superseded", "lost"}:
                self._end_process(work, now)
                del self.works[stop.attempt]
            elif not work.ended:
                self._end(work, Stopped, now, reason=stop.reason)

    def finish(self, attempt: UUID, exit_code: int, now: datetime) -> None:
        """Let a process end by itself."""
        work = self.works[attempt]
        self._say(work, Log, now, stream="stdout", data=b"done\n")
        self._end(work, Finished, now, exit_code=exit_code)
        task = work.order.task
        work.held = exit_code == 0 and (task.kind, task.phase) == ("plan_and_apply", "plan")

    def keep_lease(self, now: datetime) -> None:
        """Stop what the silence has made too old, as the policies demand."""
        for work in self.works.values():
            if not work.ended and not self._may_work(work.order, now):
                self._end(work, Stopped, now, reason="disconnected")

    def _may_work(self, order: Order, now: datetime) -> bool:
        if order.disconnect == "wait":
            return True
        silent = (now - (self.acknowledged_at or self.boot)).total_seconds()
        return silent < order.lost_after_s - STOP_MARGIN_S

    def crash(self, now: datetime, *, loses_plans: bool = False) -> None:
        """Die and come back: processes are gone, what was unfinished is reported as such."""
        self.session = clock.new_id()
        if loses_plans:
            self.works = {one: work for one, work in self.works.items() if not work.held}
        self.acknowledged_at = None
        for work in self.works.values():
            if not work.ended:
                self._end(work, Stopped, now, reason="runner_lost")

    def batch(self, most: int, now: datetime) -> Reports | None:
        """Return up to ``most`` unacknowledged reports of each attempt."""
        items = [report for work in self.works.values() for report in work.reports[:most]]
        if not items:
            return None
        return Reports(session=self.session, sent_at=self.seconds(now), items=items)

    def acknowledged(self, answer: ReportsAnswer, now: datetime) -> None:
        """Forget what the server took, and attempts that are no longer ours or are done."""
        for outcome in answer.results:
            work = self.works.get(outcome.attempt)
            if work is None or outcome.status == "gap":
                continue
            work.reports = [report for report in work.reports if report.seq != outcome.seq]
            if outcome.status in {"superseded", "conflict"}:
                self._end_process(work, now)
                del self.works[outcome.attempt]
            elif work.ended and not work.held and not work.reports:
                del self.works[outcome.attempt]

    def _say(self, work: Work, kind, now: datetime, **fields) -> None:
        work.seq += 1
        work.reports.append(
            kind(
                attempt=work.order.attempt,
                token=work.order.token,
                seq=work.seq,
                at=self.seconds(now),
                **fields,
            )
        )

    def _end(self, work: Work, kind, now: datetime, **fields) -> None:
        self._end_process(work, now)
        self._say(work, kind, now, **fields)

    def _end_process(self, work: Work, now: datetime) -> None:
        work.ended = True
        if work.span is not None and work.span.ended is None:
            work.span.ended = now
