"""Is there a link, and what goes to and comes from it?

The runner starts the link over a socketpair that the link inherits: no address, no credential. A
link that dies is started again, sooner after a long life than after a short one.
"""

import contextlib
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Final

from agents.client import seam
from agents.client.runner.loop import Loop, Timer

logger = logging.getLogger(__name__)

FIRST_DELAY_S: Final = 0.1
LONGEST_DELAY_S: Final = 10.0
READ_BYTES: Final = 1024 * 1024
LONG_LIFE_S: Final = 30.0


class Linkage:
    """The present link process and its end of the socketpair.

    ``arguments`` go to the link's command line, ``greet`` returns the frames that a new link is
    told first, ``hear`` takes what it says.
    """

    def __init__(
        self,
        loop: Loop,
        *,
        arguments: list[str],
        random: Random,
        greet: Callable[[], list[seam.Frame]],
        hear: Callable[[seam.FromLink], None],
    ) -> None:
        self._loop = loop
        self._arguments = arguments
        self._random = random
        self._greet = greet
        self._hear = hear
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._unframer = seam.Unframer()
        self._outgoing = bytearray()
        self._deaths_in_a_row = 0
        self._calm: Timer | None = None
        self._closed = False

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    @property
    def is_up(self) -> bool:
        return self._socket is not None

    def start(self) -> None:
        """Start a link and greet it."""
        if self._closed:
            return
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                self._process = _spawned(theirs, self._arguments)
            except OSError:
                ours.close()
                logger.exception("link_not_started")
                self._start_again()
                return
        ours.setblocking(False)
        self._socket = ours
        self._unframer = seam.Unframer()
        self._outgoing = bytearray()
        self._loop.watch(ours.fileno(), self._ready)
        self._calm = self._loop.later(LONG_LIFE_S, self._calmed)
        logger.info("link_started", extra={"link_pid": self._process.pid})
        for frame in self._greet():
            self.send(frame)

    def send(self, frame: seam.Frame) -> None:
        """Queue a frame; without a link it is dropped, the next one is told everything."""
        if self._socket is None:
            return
        was_empty = not self._outgoing
        self._outgoing += seam.framed(frame)
        if was_empty:
            self._write()

    def close(self, *, wait_s: float = 6.0) -> None:
        """Say farewell and wait for the link to end; after ``wait_s`` it is killed."""
        self._closed = True
        self.send(seam.Farewell())
        if self._socket is not None:
            self._socket.setblocking(True)
            self._socket.settimeout(wait_s)
            with contextlib.suppress(OSError):
                self._socket.sendall(self._outgoing)
            self._drop()
        if self._process is not None:
            _ended(self._process, wait_s)

    def _ready(self) -> None:
        assert self._socket is not None
        if self._outgoing:
            self._write()
        try:
            data = self._socket.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._lost()
            return
        for body in self._unframer.feed(data):
            self._hear(seam.from_link.decode(body))

    def _write(self) -> None:
        assert self._socket is not None
        fd = self._socket.fileno()
        try:
            while self._outgoing:
                del self._outgoing[: self._socket.send(self._outgoing)]
        except BlockingIOError:
            self._loop.watch_writing_too(fd, self._ready)
        except OSError:
            # The link is gone; reading will say so and start another.
            self._outgoing.clear()
        else:
            self._loop.watch_reading_only(fd, self._ready)

    def _lost(self) -> None:
        self._drop()
        assert self._process is not None
        _ended(self._process, 0.0)
        logger.warning("link_lost", extra={"exit_code": self._process.returncode})
        self._process = None
        self._start_again()

    def _start_again(self) -> None:
        if self._closed:
            return
        delay = min(LONGEST_DELAY_S, FIRST_DELAY_S * 2 ** min(self._deaths_in_a_row, 10))
        self._deaths_in_a_row += 1
        self._loop.later(delay * self._random.uniform(0.5, 1.0), self.start)

    def _drop(self) -> None:
        if self._calm is not None:
            self._calm.cancel()
        if self._socket is not None:
            self._loop.unwatch(self._socket.fileno())
            self._socket.close()
            self._socket = None

    def _calmed(self) -> None:
        self._deaths_in_a_row = 0


def _spawned(theirs: socket.socket, arguments: list[str]) -> "subprocess.Popen[bytes]":
    """Start the link in a group of its own: a Ctrl-C is for the runner to deal with."""
    root = str(Path(__file__).resolve().parents[3])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    return subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-m", "agents.client.link", str(theirs.fileno()), *arguments],
        stdin=subprocess.DEVNULL,
        pass_fds=[theirs.fileno()],
        process_group=0,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )


def _ended(process: "subprocess.Popen[bytes]", wait_s: float) -> None:
    try:
        process.wait(wait_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
