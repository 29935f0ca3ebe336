"""How does the runner wait for several things at once, in one thread?

A turn: wait, run `before` (the watch over the lease: it must come before anything that has an
effect, also after the process was stopped or the machine slept), then what is ready, then `after`.
"""

import heapq
import itertools
import os
import selectors
import signal
import socket
from collections.abc import Callable
from typing import Final

from agents.client.clock import Clock

# The kernel's wait does not count suspend; a short one bounds how late a timer is after it.
LONGEST_WAIT_S: Final = 1.0

Callback = Callable[[], None]


class Timer:
    """Something to do later; `cancel` it when it must not happen any more."""

    __slots__ = ("callback",)

    def __init__(self, callback: Callback) -> None:
        self.callback: Callback | None = callback

    def cancel(self) -> None:
        self.callback = None


class Loop:
    """File descriptors, timers on the agent's clock, signals, and a wake-up from threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._selector = selectors.DefaultSelector()
        self._timers: list[tuple[float, int, Timer]] = []
        self._count = itertools.count()
        self._wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self.watch(self._wake_fd, self._woken)
        self.before: Callback = _nothing
        self.after: Callback = _nothing

    def watch(self, fd: int, ready: Callback) -> None:
        """Call ``ready`` whenever ``fd`` is readable."""
        self._selector.register(fd, selectors.EVENT_READ, ready)

    def watch_writing_too(self, fd: int, ready: Callback) -> None:
        """Call ``ready`` whenever ``fd`` is readable or writable."""
        self._selector.modify(fd, selectors.EVENT_READ | selectors.EVENT_WRITE, ready)

    def watch_reading_only(self, fd: int, ready: Callback) -> None:
        """Undo `watch_writing_too`."""
        self._selector.modify(fd, selectors.EVENT_READ, ready)

    def unwatch(self, fd: int) -> None:
        """Forget ``fd``; do it before closing."""
        self._selector.unregister(fd)

    def later(self, delay_s: float, callback: Callback) -> Timer:
        """Call back after ``delay_s`` on the agent's clock."""
        timer = Timer(callback)
        heapq.heappush(self._timers, (self._clock.now() + delay_s, next(self._count), timer))
        return timer

    def wake(self) -> None:
        """End the present wait; safe from any thread."""
        os.eventfd_write(self._wake_fd, 1)

    def on_signals(self, numbers: list[signal.Signals], callback: Callable[[int], None]) -> None:
        """Turn signals into ordinary events of the loop."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.setblocking(False)
        signal.set_wakeup_fd(theirs.fileno())
        for number in numbers:
            signal.signal(number, _noted)
        self._signal_sockets = (ours, theirs)

        def deliver() -> None:
            for number in ours.recv(64):
                callback(number)

        self.watch(ours.fileno(), deliver)

    def turn(self) -> None:
        """Wait for something and deal with everything that is due."""
        events = self._selector.select(self._patience())
        self.before()
        for key, _ in events:
            key.data()
        self._run_due()
        self.after()

    def _patience(self) -> float:
        if not self._timers:
            return LONGEST_WAIT_S
        return min(LONGEST_WAIT_S, max(0.0, self._timers[0][0] - self._clock.now()))

    def _run_due(self) -> None:
        now = self._clock.now()
        while self._timers and self._timers[0][0] <= now:
            timer = heapq.heappop(self._timers)[2]
            if timer.callback is not None:
                timer.callback()

    def _woken(self) -> None:
        os.eventfd_read(self._wake_fd)


def _nothing() -> None:
    """Do nothing."""


def _noted(number: int, frame: object) -> None:
    """The wake-up descriptor carries the number; a handler must exist for that to happen."""
