"""Does a supervisor run on this data folder? The kernel knows: it holds a file lock."""

import fcntl
import os
import threading
from dataclasses import dataclass
from pathlib import Path

NAME = "supervisor.lock"
TRIES = 10
RETRY_S = 0.05


@dataclass(frozen=True, slots=True)
class Lock:
    """The lock, held until this process ends, however it ends."""

    descriptor: int


def acquire(run: Path) -> Lock | None:
    """Take the lock and leave our pid in it; None when another supervisor holds it."""
    descriptor = os.open(run / NAME, os.O_RDWR | os.O_CREAT, 0o600)
    pause = threading.Event()
    for _ in range(TRIES):
        if _try(descriptor, fcntl.LOCK_EX):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, str(os.getpid()).encode(), 0)
            return Lock(descriptor)
        # Whoever only asks (`holder`) has it for a moment.
        pause.wait(RETRY_S)
    os.close(descriptor)
    return None


def holder(run: Path) -> int | None:
    """Return the pid of the supervisor that runs; None when there is none."""
    try:
        descriptor = os.open(run / NAME, os.O_RDWR)
    except OSError:
        return None
    try:
        if _try(descriptor, fcntl.LOCK_SH):
            return None
        text = os.pread(descriptor, 20, 0)
        return int(text) if text.isdigit() else None
    finally:
        os.close(descriptor)


def _try(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
