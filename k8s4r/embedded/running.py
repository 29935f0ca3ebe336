"""What becomes of one part over time? It starts, dies, waits a little longer each time, starts.

::

    STARTING -> READY <-> SILENT              (asked every few seconds)
    any of them -> RESTARTING -> STARTING     (it ended)
    any of them -> FAILED                     (it ended, and trying again is pointless)
"""

from contextlib import suppress
from pathlib import Path
from random import Random
from threading import Event

from k8s4r.core.backoff import Backoff, delay_s
from k8s4r.embedded import logfiles, records
from k8s4r.embedded.parts import Part
from k8s4r.embedded.programs import Child, Program, launch
from k8s4r.embedded.reporting import Report, seconds
from k8s4r.embedded.state import PartState, PartStatus

BACKOFF = Backoff(base_s=0.5, cap_s=30.0, jitter=0.0)
# Whoever lived this long starts with the shortest delay again.
STABLE_AFTER_S = 60.0
PROBE_EVERY_S = 5.0
NO_CHANCE = Random(0)  # noqa: S311  # the rule above has no jitter to draw


class Running:
    """A part under supervision; ``tend`` looks after it once and says what changed."""

    def __init__(self, part: Part, program: Program, *, run: Path, report: Report) -> None:
        self.part = part
        self.program = program
        self.state = PartState.STARTING
        self.restarts = 0
        self.child: Child | None = None
        self._run = run
        self._report = report
        self._failures = 0
        self._began = 0.0
        self._next = 0.0

    def launch(self, now: float) -> Child:
        """Start it, and leave on disk who it is."""
        logfiles.trim(self.program.log)
        self.child = launch(self.program)
        # On a full disk: the kernel's signal still ends it when we are killed.
        with suppress(OSError):
            records.write(self._record, records.of(self.child.pid))
        self.state = PartState.STARTING
        self._began = now
        return self.child

    def status(self) -> PartStatus:
        """Return what a person sees of it."""
        pid = self.child.pid if self.child else None
        return PartStatus(self.part.name, self.state, pid, self.restarts, self.program.note)

    def became_ready(self, now: float) -> None:
        """Say that it answers, and ask again later."""
        self.state = PartState.READY
        self._next = now + PROBE_EVERY_S
        note = f"{self.program.note}, " if self.program.note else ""
        assert self.child is not None
        took = seconds(now - self._began)
        self._report.line(self.part.name, f"ready in {took:<7} {note}pid {self.child.pid}")

    def finished(self, now: float) -> None:
        """Say that its one run is over."""
        self._report.line(self.part.name, f"done in {seconds(now - self._began)}")
        self._record.unlink(missing_ok=True)

    def tend(self, now: float) -> None:
        """Look after it once; never waits long."""
        if self.state is PartState.FAILED:
            return
        code = self.child.exit_code() if self.child else None
        if code is not None:
            self._died(code, now)
        elif self.state is PartState.RESTARTING:
            self._restart_when_due(now)
        elif self.state is PartState.STARTING:
            self._check_start(now)
        elif now >= self._next:
            self._probe(now)

    def stop(self, *, hurry: Event) -> None:
        """Stop it for good."""
        if self.child:
            self.child.stop(hurry=hurry)
        self._record.unlink(missing_ok=True)
        self.child = None
        self.state = PartState.STOPPED

    @property
    def _record(self) -> Path:
        return self._run / f"{self.part.name}.json"

    def _died(self, code: int, now: float) -> None:
        lived = now - self._began
        self._failures = 1 if lived > STABLE_AFTER_S else self._failures + 1
        self.child = None
        self.restarts += 1
        what = f"killed by signal {-code}" if code < 0 else f"ended with code {code}"
        what = f"{what} after {seconds(lived)}"
        if code in self.part.final_codes:
            self.state = PartState.FAILED
            self._report.line(self.part.name, f"{what}; not started again: see {self.program.log}")
            return
        delay = delay_s(BACKOFF, self._failures, NO_CHANCE)
        self.state = PartState.RESTARTING
        self._next = now + delay
        self._report.line(self.part.name, f"{what}; starting it again in {seconds(delay)}")

    def _restart_when_due(self, now: float) -> None:
        if now < self._next:
            return
        try:
            self.launch(now)
        except OSError as error:
            self._next = now + BACKOFF.cap_s
            self._report.line(self.part.name, f"cannot be started now: {error}")

    def _check_start(self, now: float) -> None:
        assert self.child is not None
        if self.program.is_ready(self.child.pid):
            self.became_ready(now)
        elif now - self._began > self.part.within_s:
            self._report.line(self.part.name, "does not get ready; stopping it")
            self.child.stop()

    def _probe(self, now: float) -> None:
        assert self.child is not None
        answers = self.program.is_ready(self.child.pid)
        self._next = now + PROBE_EVERY_S
        if answers is (self.state is PartState.READY):
            return
        self.state = PartState.READY if answers else PartState.SILENT
        self._report.line(self.part.name, "answers again" if answers else "does not answer")
