"""Where do output files come from?

Most work writes nothing. To make and delete two files for it costs more than all else on the disk:
ext4 without a journal does not take the place of a file again that was deleted a moment ago, and
looks at each of these before it finds another. So a file that stayed empty is kept for the next
attempt, where the kernel says that nobody has it open any more (fcntl(2), F_SETLEASE). Folders are
not: the kernel does not say who still has one open, or mounted in a container.
"""

import contextlib
import fcntl
import os
import signal
import stat
from typing import Final

# As many as one agent needs at once in the usual case; they are empty.
KEPT: Final = 256
_MODE: Final = 0o600


class Blanks:
    """Empty files of ours that nobody else can reach, ``blank-N`` in one folder."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._kept: list[str] = []
        self._made = 0

    def new(self, path: str) -> int:
        """Make an empty file and open it; safe from any thread.

        For appending: when the runner cuts the file, writers go on at its new end.
        """
        with contextlib.suppress(OSError, IndexError):
            os.rename(self._kept.pop(), path)
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, _MODE)

    def put(self, path: str) -> None:
        """Take a file away that is not needed any more: keep it as a blank, or delete it."""
        try:
            if len(self._kept) < KEPT and _is_blank(path):
                self._keep(path)
            else:
                os.unlink(path)
        except FileNotFoundError:
            return

    def close(self) -> None:
        """Delete what is kept."""
        for path in self._kept:
            with contextlib.suppress(OSError):
                os.unlink(path)
        self._kept.clear()

    def _keep(self, path: str) -> None:
        self._made += 1
        blank = f"{self._folder}/blank-{self._made}"
        os.rename(path, blank)
        self._kept.append(blank)


def _is_blank(path: str) -> bool:
    """Is the file as it was made, and open nowhere, so that nobody can write to it later?"""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        # Whoever opens it in this moment makes the kernel signal us; SIGIO would end the runner.
        fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        found = os.fstat(fd)
    except OSError:
        return False
    finally:
        os.close(fd)
    is_as_made = found.st_size == 0 and found.st_mode == stat.S_IFREG | _MODE
    return is_as_made and found.st_nlink == 1
