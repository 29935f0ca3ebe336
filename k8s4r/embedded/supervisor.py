"""How do all parts come up in order, stay up, and go down in reverse order?"""

import os
import signal
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import FrameType

from k8s4r.embedded import (
    credentials,
    lock,
    logfiles,
    parts,
    recovery,
    sockets,
    state,
    summary,
)
from k8s4r.embedded.configuration import Configuration, Home
from k8s4r.embedded.errors import DidNotStart, EmbeddedError, Interrupted
from k8s4r.embedded.parts import Part
from k8s4r.embedded.programs import Program, await_end, await_ready
from k8s4r.embedded.reporting import Report, seconds
from k8s4r.embedded.running import Running
from k8s4r.embedded.state import PartState, PartStatus, PlatformStatus

TEND_EVERY_S = 0.2
TRIM_EVERY_S = 10.0
RETRY_S = 1.0
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class AlreadyRunning(EmbeddedError):
    """Another supervisor works on this data folder."""


class Supervisor:
    """Everything that `up` started; ``run`` returns when it is all stopped again.

    Args:
        wanted: the parts, in the order of their start.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        configuration: Configuration,
        wanted: Sequence[Part],
        *,
        report: Report,
        clock: Callable[[], float],
    ) -> None:
        self._configuration = configuration
        self._wanted = wanted
        self._home = configuration.home
        self._report = report
        self._clock = clock
        self._wanted_down = threading.Event()
        self._hurry = threading.Event()
        self._running: list[Running] = []
        self._external: list[PartStatus] = []
        self._is_up = False
        self._said: PlatformStatus | None = None
        self._lock: lock.Lock | None = None
        self._next_trim = 0.0

    def run(self, when_up: Callable[[summary.Summary], None]) -> None:
        """Bring everything up, call ``when_up``, and keep it up until a signal says stop.

        Raises:
            AlreadyRunning: nothing was done.
            EmbeddedError: a part did not come up; what had started is stopped again.
        """
        for folder in (self._home.root, self._home.secrets, self._home.logs, self._home.run):
            credentials.private_folder(folder)
        self._lock = lock.acquire(self._home.run)
        if self._lock is None:
            raise AlreadyRunning(f"k8s4r is already running: {_address(self._home)}")
        for number in SIGNALS:
            signal.signal(number, self._on_signal)
        try:
            self._bring_up(when_up)
            self._keep_up()
        finally:
            self._bring_down()

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        """First: stop in order. Again: without much patience."""
        (self._hurry if self._wanted_down.is_set() else self._wanted_down).set()

    def _bring_up(self, when_up: Callable[[summary.Summary], None]) -> None:
        began = self._clock()
        self._clear_leftovers()
        self._check_port()
        environment = parts.first_environment(self._configuration)
        for part in self._wanted:
            if self._wanted_down.is_set():
                raise Interrupted("stopped before everything was up")
            self._report.busy(part.name, "starting")
            started = self._clock()
            program = part.make(self._configuration, environment)
            self._start(part, program, started)
        said = summary.of(self._configuration)
        summary.write(self._home, said, environment)
        self._is_up = True
        self._publish()
        self._report.plain(f"all parts up in {seconds(self._clock() - began)}")
        when_up(said)

    def _start(self, part: Part, program: Program | None, started: float) -> None:
        if program is None:
            self._external.append(PartStatus(part.name, PartState.EXTERNAL, None, 0, "yours"))
            self._report.line(part.name, "yours, by its URL")
            return
        running = Running(part, program, run=self._home.run, report=self._report)
        self._running.append(running)
        if part.runs_once:
            await_end(running.launch(started), within_s=part.within_s, pause=self._wanted_down.wait)
            self._running.remove(running)
            running.finished(self._clock())
            return
        self._await_service(running, started)
        running.became_ready(self._clock())
        self._publish()

    def _await_service(self, running: Running, started: float) -> None:
        """Wait for a part; some are given further tries, while traces of a crash go away."""
        for tries_left in reversed(range(running.part.tries)):
            child = running.launch(started)
            self._publish()
            try:
                await_ready(child, within_s=running.part.within_s, pause=self._wanted_down.wait)
            except DidNotStart:
                if not tries_left or self._wanted_down.wait(RETRY_S):
                    raise
                child.stop()
            else:
                return

    def _keep_up(self) -> None:
        while not self._wanted_down.wait(TEND_EVERY_S):
            now = self._clock()
            for running in self._running:
                running.tend(now)
            self._publish()
            if now >= self._next_trim:
                self._next_trim = now + TRIM_EVERY_S
                for log in self._home.logs.glob("*.log"):
                    logfiles.trim(log)

    def _bring_down(self) -> None:
        self._is_up = False
        for running in reversed(self._running):
            self._report.busy(running.part.name, "stopping")
            began = self._clock()
            running.stop(hurry=self._hurry)
            if not running.part.runs_once:
                took = seconds(self._clock() - began)
                self._report.line(running.part.name, f"stopped in {took}")
            self._publish()

    def _clear_leftovers(self) -> None:
        for line in recovery.clear(self._home):
            self._report.plain(line)

    def _check_port(self) -> None:
        bind, port = self._configuration.bind, self._configuration.port
        if not sockets.is_free(bind, port):
            raise EmbeddedError(
                f"another program listens on {bind}:{port}. Choose another port:\n"
                f"    K8S4R_PORT={port + 1} k8s4r up"
            )

    def _publish(self) -> None:
        status = PlatformStatus(
            pid=os.getpid(),
            url=self._configuration.url,
            is_up=self._is_up,
            parts=(*self._external, *(running.status() for running in self._running)),
        )
        if status != self._said:
            # A disk that is full must not bring down what runs; the next look writes it.
            with suppress(OSError):
                state.write(self._home.run, status)
                self._said = status


def _address(home: Home) -> str:
    said = state.read(home.run)
    return said.url if said else f"pid {lock.holder(home.run)}"
