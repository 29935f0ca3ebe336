"""Where do output files and working folders come from?

Most work leaves nothing. To make and delete two files and a folder for it costs more than all else
on the disk: ext4 does not take the place of a file again that was deleted a moment ago, and looks
at each of these before it finds another. So what stayed empty is kept for the next attempt: a file
where the kernel says that nobody has it open any more (fcntl(2), F_SETLEASE), a folder that is
still ours alone. No process of the attempt is left by then.
"""

import contextlib
import fcntl
import os
import signal
import stat
from typing import Final

# As many of each kind as one agent needs at once in the usual case; they are empty.
KEPT: Final = 256
_MODE: Final = 0o600
_FOLDER_MODE: Final = 0o700


class Blanks:
    """Empty files and folders of ours that nobody else can reach, ``blank-N`` in one folder."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._kept: list[str] = []
        self._kept_folders: list[str] = []
        self._made = 0

    def new(self, path: str) -> int:
        """Make an empty file and open it.

        For appending: when the runner cuts the file, writers go on at its new end.
        """
        _take(self._kept, path)
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, _MODE)

    def new_folder(self, path: str) -> None:
        """Make an empty folder that only we may enter."""
        if not _take(self._kept_folders, path):
            with contextlib.suppress(FileExistsError):
                os.mkdir(path, _FOLDER_MODE)

    def put(self, path: str) -> None:
        """Take a file away that is not needed any more: keep it as a blank, or delete it."""
        try:
            if len(self._kept) < KEPT and _is_blank(path):
                self._keep(path, self._kept)
            else:
                os.unlink(path)
        except FileNotFoundError:
            return

    def put_folder(self, path: str) -> None:
        """Take an empty folder away that is not needed any more.

        Raises:
            OSError: it is not empty; it stays.
        """
        try:
            if len(self._kept_folders) < KEPT and _is_blank_folder(path):
                self._keep(path, self._kept_folders)
            else:
                os.rmdir(path)
        except FileNotFoundError:
            return

    def close(self) -> None:
        """Delete what is kept."""
        for delete, kept in ((os.unlink, self._kept), (os.rmdir, self._kept_folders)):
            for path in kept:
                with contextlib.suppress(OSError):
                    delete(path)
            kept.clear()

    def _keep(self, path: str, kept: list[str]) -> None:
        self._made += 1
        blank = f"{self._folder}/blank-{self._made}"
        os.rename(path, blank)
        kept.append(blank)


def _take(kept: list[str], path: str) -> bool:
    """Give one that is kept its new name; one that is gone is passed over."""
    while kept:
        with contextlib.suppress(OSError):
            os.rename(kept.pop(), path)
            return True
    return False


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


def _is_blank_folder(path: str) -> bool:
    """Is the folder empty, and as it was made?"""
    found = os.lstat(path)
    if found.st_mode != stat.S_IFDIR | _FOLDER_MODE or found.st_uid != os.geteuid():
        return False
    with os.scandir(path) as entries:
        return next(entries, None) is None
