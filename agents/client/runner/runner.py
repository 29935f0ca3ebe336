"""How do orders, work, lease and link come together, and when is the runner done?

Each turn of the loop: first the watch over the lease, then what happened, then everything that
was written down meanwhile goes to the disk in one go, and what is durable goes to the link.
"""

import logging
import signal
from collections.abc import Iterable
from typing import Final

from agents.client import seam
from agents.client.cgroup import Cgroups
from agents.client.config import Leaving
from agents.client.runner import verdict
from agents.client.runner.attempt import Attempt, Phase
from agents.client.runner.belongings import Belongings
from agents.client.runner.departure import Departure
from agents.client.runner.ending import Ending
from agents.client.runner.lease import AGENT_STOP, DISCONNECTED, may_run
from agents.client.runner.linkage import Linkage
from agents.client.runner.loop import Loop
from agents.client.runner.plans import Plans
from agents.client.runner.standing import Standing
from agents.wire.messages import Order, Outcome, Stop

logger = logging.getLogger(__name__)

HOUSEKEEPING_S: Final = 2.0
LAST_REPORTS_S: Final = 5.0
# The server need not say "stop" of these: they end or have ended already.
NEEDS_NO_STOP: Final = frozenset({Phase.STOPPING, Phase.CLEARING, Phase.ENDED})
DISCARDING: Final = frozenset({"superseded", "lost"})
NOT_ALL_DELIVERED: Final = 1
RESTART_ASKED: Final = 75


class Runner:
    """One life of the process that owns the work."""

    def __init__(self, standing: Standing, loop: Loop, leaving: Leaving, setup: seam.Setup) -> None:
        self._standing = standing
        self._work = work = standing.work
        self._loop = loop
        self._leaving = leaving
        self._setup = setup
        self._departure = Departure()
        self._frames_taken = 0
        self._idle_since = work.clock.now()
        self._trouble: str | None = None

    def attach(self, linkage: Linkage, cgroups: Cgroups | None) -> None:
        """Join the parts that need each other; call once, before `run`."""
        self._linkage = linkage
        own = lambda: [] if linkage.pid is None else [linkage.pid]  # noqa: E731
        self._belongings = Belongings(self._work.live, own, cgroups)
        self._plans = Plans(self._work, linkage.send)
        self._ending = Ending(self._work, self._loop, self._belongings, self._plans)
        self._loop.before = self._watch_lease
        self._loop.after = self._settle
        self._loop.on_signals(
            [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP], self._signalled
        )
        self._standing.look()
        self._loop.later(HOUSEKEEPING_S, self._keep_house)

    def run(self) -> int:
        """Work until there is a reason to end; return the exit code."""
        self._linkage.start()
        while not self._is_done():
            self._loop.turn()
        self._linkage.close()
        return self._departure.exit_code

    def greet(self) -> list[seam.Frame]:
        """Return what a new link must know: everything."""
        self._frames_taken = 0
        self._work.outbox.restart(self._work.held.values())
        return [self._setup, self._roster(), *self._plans.uploads()]

    def hear(self, message: seam.FromLink) -> None:
        """Take in what the link says."""
        match message:
            case seam.Orders(orders):
                self._take_orders(orders)
            case seam.Outcomes(results):
                self._take_outcomes(results)
            case seam.Told(directives):
                self._take_stops(directives.stop)
                self._standing.go_by(directives.wanted)
            case seam.Stored(attempt, refusal):
                self._plans.stored(attempt, refusal)
            case _:
                self._hear_of_link(message)

    def _hear_of_link(self, message: seam.FromLink) -> None:
        match message:
            case seam.Ping():
                self._linkage.send(seam.Pong())
            case seam.Heard(sent_at):
                self._work.heard_at = max(self._work.heard_at or 0.0, sent_at)
            case seam.Ended():
                self._link_cannot_go_on(message)

    def _watch_lease(self) -> None:
        """Stop what may not run any more; nothing that has an effect comes before this.

        What is ending already gets no longer for it: another agent may start the work soon.
        """
        silence = self._work.silence_s
        if silence < self._work.shortest_patience_s:
            return
        terms = self._work.machine.terms
        for attempt in self._work.live():
            if may_run(attempt.order, terms, silence_s=silence):
                continue
            short = self._short(attempt)
            if attempt.kill_at is None or attempt.kill_at > self._work.clock.now() + short:
                self._ending.stop(attempt, DISCONNECTED, grace_s=short)

    def _take_orders(self, orders: list[Order]) -> None:
        self._frames_taken += 1
        self._work.take(orders)
        self._work.changed = True
        if orders and self._leaving.after_taking_one:
            self._work.start_waiting()
            self._drain()

    def _take_stops(self, stops: Iterable[Stop]) -> None:
        self._frames_taken += 1
        self._work.changed = True
        for stop in stops:
            self._stop(stop)

    def _stop(self, stop: Stop) -> None:
        attempt = self._work.held.get(stop.attempt)
        if attempt is None:
            self._work.remember_stop(stop.attempt, stop.reason)
        elif stop.reason in DISCARDING:
            # What its apply takes over in this very turn is no longer the server's business.
            if not self._work.is_awaited(attempt.id):
                self._ending.discard(attempt, stop.reason)
        else:
            self._ending.stop(attempt, stop.reason, grace_s=stop.grace_s)

    def _take_outcomes(self, results: Iterable[Outcome]) -> None:
        for outcome in results:
            self._work.outbox.settle(outcome.attempt, outcome.seq)
            attempt = self._work.held.get(outcome.attempt)
            if attempt is not None:
                self._take_outcome(attempt, outcome)

    def _take_outcome(self, attempt: Attempt, outcome: Outcome) -> None:
        match outcome.status:
            case "ok" | "duplicate":
                self._work.spool.acked(attempt, outcome.seq)
                self._work.forget_if_settled(attempt)
                self._leave_after(attempt)
            case "superseded" | "conflict":
                self._ending.discard(attempt, "superseded")
            case "gap":
                expected = outcome.expected or 1
                fillers = self._work.outbox.rewind(attempt, expected, at=self._work.clock.now())
                if fillers:
                    self._linkage.send(seam.Items(fillers))

    def _settle(self) -> None:
        """Follow what was started, write everything down, send what is durable."""
        fresh, self._work.fresh_children = self._work.fresh_children, []
        for attempt in fresh:
            self._ending.follow(attempt)
        if self._work.start_waiting():
            self._loop.wake()
        self._write()
        if self._linkage.is_up:
            items = self._work.outbox.take(durable=self._work.spool.journal.durable)
            if items:
                self._linkage.send(seam.Items(items))
            if self._work.changed:
                self._work.changed = False
                self._linkage.send(self._roster())

    def _write(self) -> None:
        try:
            self._work.spool.journal.write()
        except OSError as error:
            self._complain(f"the spool cannot be written: {error}")
        self._work.spool.rotate_when_grown(self._work.held.values(), now=self._work.clock.now())

    def _keep_house(self) -> None:
        self._belongings.reap()
        full = verdict.is_full(self._work.spool.root)
        self._complain("the disk of the spool is full" if full else None)
        self._standing.look()
        self._leave_when_idle()
        self._loop.later(HOUSEKEEPING_S, self._keep_house)

    def _complain(self, trouble: str | None) -> None:
        if trouble != self._trouble:
            self._trouble = trouble
            self._work.changed = True
            logger.warning("agent_trouble", extra={"trouble": trouble})

    def _roster(self) -> seam.Roster:
        held = self._work.held.values()
        return seam.Roster(
            held=[attempt.as_held() for attempt in held if not attempt.unwanted],
            stopping=[attempt.id for attempt in held if attempt.phase in NEEDS_NO_STOP],
            free=0 if self._departure.draining else self._work.free,
            draining=self._departure.draining,
            frames_taken=self._frames_taken,
            trouble=self._trouble,
            slots=self._work.slots,
            settings_version=self._standing.settings_version,
            not_now=self._standing.not_now,
        )

    def _signalled(self, number: int) -> None:
        hasty = number == signal.SIGQUIT or self._departure.draining
        self._departure.leaves_plans = True
        self._drain()
        if number == signal.SIGHUP:
            self._departure.exit_code = RESTART_ASKED
            return
        if self._leaving.drain_s is not None:
            self._loop.later(self._leaving.drain_s, lambda: self._stop_everything(AGENT_STOP))
        if hasty:
            self._stop_everything(AGENT_STOP)

    def _drain(self) -> None:
        if not self._departure.draining:
            logger.info("agent_draining", extra={"held": len(self._work.held)})
        self._departure.draining = True
        self._work.refuses = "the agent is draining"
        self._work.changed = True

    def _stop_everything(self, reason: str) -> None:
        logger.info("agent_stopping", extra={"reason": reason})
        self._departure.stopping = True
        for attempt in list(self._work.held.values()):
            self._ending.stop(attempt, reason, grace_s=self._short(attempt))

    def _link_cannot_go_on(self, ended: seam.Ended) -> None:
        """End too. Work with policy ``wait`` runs to its end first, unless we are superseded."""
        logger.error("link_ended", extra={"reason": ended.reason, "detail": ended.message})
        self._drain()
        self._departure.exit_code = ended.code
        self._departure.silent = True
        self._departure.farewell = ended.message
        for attempt in list(self._work.held.values()):
            if ended.reason == "session_superseded":
                self._ending.discard(attempt, "superseded")
            elif attempt.order.disconnect != "wait":
                self._ending.stop(attempt, DISCONNECTED, grace_s=self._short(attempt))

    def _short(self, attempt: Attempt) -> float:
        grace = self._work.machine.terms.kill_grace_s
        return grace if attempt.child is None else min(grace, attempt.child.kill_grace_s)

    def _leave_after(self, attempt: Attempt) -> None:
        if self._leaving.after_one_is_done and attempt.id not in self._work.held:
            self._drain()

    def _leave_when_idle(self) -> None:
        now = self._work.clock.now()
        if self._work.held:
            self._idle_since = now
        after = self._leaving.after_idle_s
        if after is not None and now - self._idle_since >= after:
            self._drain()

    def _stays_for(self) -> list[Attempt]:
        """Return what this runner has to see to an end."""
        leaves = self._departure.leaves_plans
        held = self._work.held.values()
        return [attempt for attempt in held if not (leaves and attempt.is_reported)]

    def _is_done(self) -> bool:
        departure = self._departure
        if not departure.draining or self._work.live():
            return False
        if departure.silent or not self._stays_for():
            return True
        if not departure.stopping:
            return False
        now = self._work.clock.now()
        if departure.give_up_at is None:
            departure.give_up_at = now + LAST_REPORTS_S
        if now < departure.give_up_at:
            return False
        departure.exit_code = departure.exit_code or NOT_ALL_DELIVERED
        return True
