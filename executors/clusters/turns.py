"""How many rounds may the processes of one worker do at once? All but one, which sweeps have.

A round may wait for its cluster for minutes: as many slow clusters as a worker has processes would
hold up its sweeps. A lock on a byte of a file that its processes share, and no semaphore: whoever
dies lets go (fcntl(2), record locks belong to a process).
"""

import fcntl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Final


class Turns:
    """Limits those that are forked after `limit`; without it nobody is held up."""

    def __init__(self) -> None:
        self._most = 0
        self._file: IO[bytes] | None = None

    def limit(self, most: int) -> None:
        """Let no more than so many of the processes forked from now on have a turn at once."""
        # Without a name: it goes with the last of the processes.
        self._file = tempfile.TemporaryFile() if self._file is None else self._file  # noqa: SIM115
        self._most = most

    @contextmanager
    def turn(self) -> Iterator[bool]:
        """Have a turn in the block, if there is one; yields whether."""
        if self._file is None:
            yield True
            return
        place = next((one for one in range(self._most) if _take(self._file, one)), None)
        try:
            yield place is not None
        finally:
            if place is not None:
                fcntl.lockf(self._file, fcntl.LOCK_UN, 1, place)


def _take(file: IO[bytes], place: int) -> bool:
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
    except (BlockingIOError, PermissionError):
        return False
    return True


ROUNDS: Final = Turns()
