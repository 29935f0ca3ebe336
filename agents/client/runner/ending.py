"""How does work end, and when is its slot free again?

    first process ends --nothing left--> end report
         |--something left--> SIGTERM to it --grace--> SIGKILL until nothing is left --> end report
    stop --> SIGTERM to the group and to what left it --grace--> SIGKILL ... --> end report

The first process stays unreaped until everything is gone: so its number, which is also the
number of its group, cannot come to mean somebody else.
"""

import logging
import os
import signal
from typing import Final

from agents.client import processes
from agents.client.drivers.base import Child, End
from agents.client.runner import reports, verdict
from agents.client.runner.attempt import Attempt, Phase
from agents.client.runner.belongings import Belongings
from agents.client.runner.lease import AGENT_STOP, DISCONNECTED
from agents.client.runner.loop import Loop
from agents.client.runner.plans import Plans, is_plan
from agents.client.runner.work import Work

logger = logging.getLogger(__name__)

LOOK_AGAIN_S: Final = 0.05
ENCLOSE_AFTER_S: Final = 0.1
UNACKED_PIECES: Final = 256
KILL_ROUNDS: Final = 5
_OWN_ENDS: Final = frozenset({AGENT_STOP, DISCONNECTED})


class Ending:
    """Watches first processes and output, and carries stops out."""

    def __init__(self, work: Work, loop: Loop, belongings: Belongings, plans: Plans) -> None:
        self._work = work
        self._plans = plans
        self._loop = loop
        self._belongings = belongings

    def follow(self, attempt: Attempt) -> None:
        """Watch a process that was just started."""
        child = _child(attempt)
        self._loop.watch(child.pidfd, lambda: self._exited(attempt))
        self._look_later(attempt)
        self._loop.later(ENCLOSE_AFTER_S, lambda: self._enclose(attempt))

    def stop(self, attempt: Attempt, reason: str, *, grace_s: float | None) -> None:
        """Stop an attempt; the sooner of two stops counts, the reason of the first.

        Work that has ended by itself already keeps its own result, and a plan that is held needs no
        runner that runs, nor a server that answers.
        """
        now = self._work.clock.now()
        if attempt.phase in {Phase.WAITING, Phase.STORING}:
            self._work.end(attempt, reports.stopped(attempt, reason, at=now, end=attempt.end))
        elif attempt.phase is Phase.HELD:
            self._let_go(attempt, reason)
        elif attempt.phase is not Phase.ENDED:
            self._stop_process(attempt, reason, grace_s)

    def discard(self, attempt: Attempt, reason: str) -> None:
        """Stop a superseded attempt and forget it: nothing about it is wanted any more."""
        self._work.spool.unwanted(attempt)
        if attempt.phase in {Phase.WAITING, Phase.STORING, Phase.HELD}:
            self._work.release(attempt)
        self.stop(attempt, reason, grace_s=self._work.machine.terms.kill_grace_s)
        self._work.forget_if_settled(attempt)

    def _let_go(self, attempt: Attempt, reason: str) -> None:
        """Give up a plan that the server does not want; what it has not heard of it is still said.

        A runner that ends keeps its plans on disk, for the next one.
        """
        if reason not in _OWN_ENDS:
            self._work.release(attempt)
            self._work.forget_if_settled(attempt)

    def _stop_process(self, attempt: Attempt, reason: str, grace_s: float | None) -> None:
        child = _child(attempt)
        if attempt.phase is Phase.RUNNING:
            if processes.has_exited(child.pid):
                return
            attempt.phase, attempt.stop_reason = Phase.STOPPING, reason
            self._work.changed = True
            logger.info("attempt_stopping", extra={"attempt": attempt.id, "reason": reason})
            self._terminate(attempt)
        self._kill_after(attempt, child.kill_grace_s if grace_s is None else grace_s)

    def _enclose(self, attempt: Attempt) -> None:
        if attempt.phase is Phase.RUNNING:
            self._belongings.enclose(attempt)

    def _exited(self, attempt: Attempt) -> None:
        child = _child(attempt)
        self._loop.unwatch(child.pidfd)
        os.close(child.pidfd)
        attempt.end = _how_it_ended(child.pid)
        if not self._belongings.left_by(attempt):
            self._complete(attempt)
            return
        if attempt.phase is Phase.RUNNING:
            attempt.phase = Phase.CLEARING
            self._work.changed = True
            logger.info("attempt_left_processes", extra={"attempt": attempt.id})
            self._terminate(attempt)
            self._kill_after(attempt, child.kill_grace_s)

    def _terminate(self, attempt: Attempt) -> None:
        """Ask everything to end, each process once: a second SIGTERM means haste to many."""
        leader = _child(attempt).pid
        others = self._belongings.all_of(attempt)
        processes.send_to_group(leader, signal.SIGTERM)
        for one in others:
            if one.group != leader:
                processes.send(one.pid, signal.SIGTERM)

    def _kill_after(self, attempt: Attempt, grace_s: float) -> None:
        kill_at = self._work.clock.now() + min(grace_s, self._work.machine.grace_cap_s)
        is_first = attempt.kill_at is None
        attempt.kill_at = kill_at if attempt.kill_at is None else min(attempt.kill_at, kill_at)
        if is_first:
            self._check_later(attempt)
        elif grace_s <= 0:
            self._kill(attempt)

    def _check_later(self, attempt: Attempt) -> None:
        self._loop.later(LOOK_AGAIN_S, lambda: self._check(attempt))

    def _check(self, attempt: Attempt) -> None:
        if attempt.phase is Phase.ENDED:
            return
        if attempt.end is not None and not self._belongings.left_by(attempt):
            self._complete(attempt)
            return
        if attempt.kill_at is not None and self._work.clock.now() >= attempt.kill_at:
            self._kill(attempt)
        self._check_later(attempt)

    def _kill(self, attempt: Attempt) -> None:
        """Kill everything there is; what forks faster than it is found is frozen first."""
        leader = _child(attempt).pid
        processes.send_to_group(leader, signal.SIGKILL)
        self._belongings.kill_enclosed(attempt)
        for _ in range(KILL_ROUNDS):
            found = self._belongings.all_of(attempt)
            if not found:
                return
            for one in found:
                processes.send(one.pid, signal.SIGSTOP)
            for one in found:
                processes.send(one.pid, signal.SIGKILL)

    def _complete(self, attempt: Attempt) -> None:
        """Nothing of the work is left: report the last output, then the end."""
        child, end = _child(attempt), attempt.end
        assert end is not None
        self._take_output(attempt, room=2**31)
        self._close_output(attempt)
        processes.reap(child.pid)
        self._belongings.release(attempt)
        attempt.child = None
        now = self._work.clock.now()
        if attempt.unwanted:
            self._work.release(attempt)
            self._work.forget_if_settled(attempt)
        elif attempt.stop_reason is not None:
            self._work.end(attempt, reports.stopped(attempt, attempt.stop_reason, at=now, end=end))
        else:
            reason = attempt.ended_for or verdict.reason(end, self._work.spool.root)
            final = End(end.exit_code, end.signal, reason, verdict.MESSAGES.get(reason, ""))
            self._finish(attempt, final)

    def _finish(self, attempt: Attempt, end: End) -> None:
        if end.exit_code == 0 and not end.signal_reason and is_plan(attempt):
            self._plans.made(attempt, end)
        else:
            self._work.end(attempt, reports.finished(attempt, end, at=self._work.clock.now()))

    def _look_later(self, attempt: Attempt) -> None:
        if attempt.tail is not None:
            self._loop.later(attempt.tail.look_after_s, lambda: self._look(attempt))

    def _look(self, attempt: Attempt) -> None:
        if attempt.tail is None:
            return
        self._take_output(attempt, room=max(0, UNACKED_PIECES - len(attempt.entries)))
        if attempt.tail.is_flood and attempt.phase is Phase.RUNNING:
            attempt.phase, attempt.ended_for = Phase.CLEARING, "output_limit"
            self._terminate(attempt)
            self._kill_after(attempt, self._work.machine.terms.kill_grace_s)
        self._look_later(attempt)

    def _take_output(self, attempt: Attempt, *, room: int) -> None:
        if attempt.tail is None:
            return
        now = self._work.clock.now()
        for stream, offset, length in attempt.tail.look(room=room):
            self._work.spool.piece(attempt, stream, (offset, length), at=now)
            self._work.outbox.offer(attempt)

    def _close_output(self, attempt: Attempt) -> None:
        tail = attempt.tail
        assert tail is not None
        attempt.tail = None
        for text in tail.remarks():
            self._work.spool.note(attempt, reports.remark(attempt, text, at=self._work.clock.now()))


def _child(attempt: Attempt) -> Child:
    assert attempt.child is not None
    return attempt.child


def _how_it_ended(pid: int) -> End:
    status = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert status is not None
    if status.si_code == os.CLD_EXITED:
        return End(exit_code=status.si_status)
    return End(signal=status.si_status)
