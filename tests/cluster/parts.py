"""What is one server of a control plane to a test? Something to start, stop, kill and freeze."""

import signal
from dataclasses import dataclass, field
from pathlib import Path

from k8s4r.embedded.programs import Child, Program, await_ready, launch


@dataclass(slots=True)
class Part:
    """One program; it ends with the thread that started it."""

    program: Program
    within_s: float = 120.0
    child: Child | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        return self.program.name

    @property
    def log(self) -> Path:
        return self.program.log

    @property
    def is_running(self) -> bool:
        return self.child is not None and self.child.exit_code() is None

    def begin(self) -> None:
        """Start it without waiting for it."""
        assert not self.is_running, f"{self.name} runs"
        self.child = launch(self.program)

    def wait(self) -> None:
        """Wait until it is ready.

        Raises:
            DidNotStart: it ended or took too long; the message has the end of its log.
        """
        assert self.child is not None
        await_ready(self.child, within_s=self.within_s)

    def start(self) -> None:
        """Start it and wait until it is ready."""
        self.begin()
        self.wait()

    def stop(self) -> None:
        """End it in order; also when it is frozen."""
        if self.child is not None and self.is_running:
            self.resume()
            self.child.stop()

    def kill(self) -> None:
        """End it at once."""
        self._signal(signal.SIGKILL)
        if self.child is not None:
            self.child.process.wait(10)

    def freeze(self) -> None:
        """Let it hang: connections stay and nothing is answered."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        if self.child is not None and self.is_running:
            self.child.process.send_signal(number)
