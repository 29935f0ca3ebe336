"""How is one program started, waited for and stopped? A description, and the running child."""

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from k8s4r.embedded import identity
from k8s4r.embedded.errors import DidNotStart, Interrupted

POLL_S = 0.02
# Waits so many seconds; returns at once, and true, when whoever waits is wanted elsewhere.
Pause = Callable[[float], bool]


@dataclass(frozen=True, slots=True)
class StopStep:
    """One signal, and how long it may take to have its effect."""

    signal: int
    grace_s: float


KILL = StopStep(signal.SIGKILL, 10)
HURRIED_GRACE_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program that stays: what to run, when it is ready, how it ends.

    Attributes:
        environment: all of it; nothing is inherited.
        log: gets what the program writes; appended to.
        is_ready: asked with its pid, again and again after the start; must be cheap and short.
        stop_steps: in order, until it has ended.
        dies_by: the signal that it gets when our process ends without stopping it.
        sweeps_group: whether children that outlive it are killed; not so where they clean up.
        note: what a person may want to know, such as a version.
    """

    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str]
    log: Path
    is_ready: Callable[[int], bool]
    stop_steps: tuple[StopStep, ...]
    dies_by: int = signal.SIGTERM
    sweeps_group: bool = False
    as_who: identity.Identity = field(default_factory=identity.ourselves)
    note: str = ""


@dataclass(frozen=True, slots=True)
class Child:
    """A program that runs as our child, leader of its own session."""

    program: Program
    process: "subprocess.Popen[bytes]"

    @property
    def pid(self) -> int:
        return self.process.pid

    def exit_code(self) -> int | None:
        """Return how it ended, negative for a signal; None while it runs."""
        if self.process.returncode is None and self.process.poll() is not None:
            self._sweep()
        return self.process.returncode

    def stop(self, *, hurry: threading.Event | None = None) -> None:
        """Send one signal after the other until it has ended; with ``hurry`` set, soon."""
        hurry = hurry or threading.Event()
        for step in (*self.program.stop_steps, KILL):
            if self.exit_code() is not None:
                return
            self.process.send_signal(step.signal)
            self._wait(step.grace_s, hurry)

    def _wait(self, grace_s: float, hurry: threading.Event) -> None:
        pause = threading.Event()
        for nth in range(int(grace_s / POLL_S)):
            is_over = hurry.is_set() and nth * POLL_S > HURRIED_GRACE_S
            if is_over or self.exit_code() is not None:
                return
            pause.wait(POLL_S)

    def _sweep(self) -> None:
        """Kill what is left of its session: nobody else's processes can be in there yet."""
        if self.program.sweeps_group:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)


def launch(program: Program) -> Child:
    """Start ``program``; on Linux it gets ``dies_by`` when the calling *thread* ends.

    Its own session keeps a Ctrl-C at the terminal away from it: stopping is ours, in order. Its
    folder is the root, so that whom it becomes may be there, and ``python -m`` finds no stranger.
    """
    argv = identity.leashed(
        program.argv, as_who=program.as_who, die_by=program.dies_by, parent=os.getpid()
    )
    with program.log.open("ab") as log:
        process = subprocess.Popen(  # noqa: S603  # a fixed list of ours, no shell
            argv,
            env=dict(program.environment),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd="/",
        )
    return Child(program, process)


def await_ready(child: Child, *, within_s: float, pause: Pause | None = None) -> None:
    """Wait until the program says that it is ready.

    Raises:
        DidNotStart: it ended before, or time is up; the message ends with its last log lines.
        Interrupted: ``pause`` says that nobody wants it any more.
    """
    pause = pause or threading.Event().wait
    for _ in range(int(within_s / POLL_S)):
        code = child.exit_code()
        if code is not None:
            raise DidNotStart(explain(child.program, f"ended with code {code}"))
        if child.program.is_ready(child.pid):
            return
        _hold(pause)
    raise DidNotStart(explain(child.program, f"was not ready after {within_s:.0f} s"))


def await_end(child: Child, *, within_s: float, pause: Pause) -> None:
    """Wait until a program that runs once has done its work.

    Raises:
        DidNotStart: it failed, or time is up; the message ends with its last log lines.
        Interrupted: ``pause`` says that nobody wants it any more.
    """
    for _ in range(int(within_s / POLL_S)):
        code = child.exit_code()
        if code == 0:
            return
        if code is not None:
            raise DidNotStart(explain(child.program, f"ended with code {code}"))
        _hold(pause)
    raise DidNotStart(explain(child.program, f"was not done after {within_s:.0f} s"))


def _hold(pause: Pause) -> None:
    if pause(POLL_S):
        raise Interrupted("stopped before everything was up")


def explain(program: Program, what: str, lines: int = 12) -> str:
    """Return ``what`` with the end of the program's log below it."""
    said = last_lines(program.log, lines)
    return "\n".join([f"{program.name} {what}; {program.log} ends with:", *said])


def last_lines(log: Path, lines: int) -> list[str]:
    """Return the last lines of a file, indented; none when it is not there."""
    if not log.exists():
        return []
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 16_384))
        text = file.read().decode(errors="replace")
    return [f"    {line}" for line in text.splitlines()[-lines:]]
