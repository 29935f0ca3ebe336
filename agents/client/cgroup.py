"""Can the kernel itself hold an attempt's processes together? With cgroup v2 it can.

Where the agent may make groups below its own, work that lives longer than a moment is put into
one: nothing can leave it by forking, and one write kills everything in it (cgroups(7),
cgroup.kill). Short work is spared: moving a process costs more than running ``/bin/true``.
"""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final
from uuid import UUID

from agents.client import processes

MOVES: Final = 20
_PREFIX: Final = "k8s4r-"


class Cgroups:
    """The groups of one runner: ``k8s4r-SESSION/ATTEMPT`` below the agent's own group."""

    def __init__(self, base: Path, session: UUID) -> None:
        self._folder = base / f"{_PREFIX}{session}"

    def enclose(self, attempt: UUID, leader: int) -> None:
        """Put a process and everything below it into a group; what they fork then stays in it."""
        folder = self._folder / str(attempt)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for _ in range(MOVES):
                outside = processes.descendants({leader}) - set(self.members(attempt))
                if not any(_moved(folder, pid) for pid in outside):
                    return
        except OSError:
            return

    def members(self, attempt: UUID) -> list[int]:
        """Return the living processes in an attempt's group."""
        return _members(self._folder / str(attempt))

    def kill(self, attempt: UUID) -> None:
        """Kill everything in an attempt's group at once."""
        _kill(self._folder / str(attempt))

    def release(self, attempt: UUID) -> None:
        """Remove an attempt's group, which must be empty."""
        with contextlib.suppress(OSError):
            (self._folder / str(attempt)).rmdir()

    def close(self) -> None:
        """Remove the runner's group."""
        with contextlib.suppress(OSError):
            self._folder.rmdir()


def of_runner(session: UUID) -> Cgroups | None:
    """Return the groups of a new runner; ``None`` where it may not make any."""
    folder = base()
    return None if folder is None else Cgroups(folder, session)


def base() -> Path | None:
    """Return the folder below which this process may make groups; ``None``: nowhere."""
    try:
        lines = Path("/proc/self/cgroup").read_text("ascii").splitlines()
        mounts = Path("/proc/self/mounts").read_text("utf-8").splitlines()
    except OSError:
        return None
    own = next((line[3:] for line in lines if line.startswith("0::")), None)
    mount = next((line.split()[1] for line in mounts if line.split()[2] == "cgroup2"), None)
    if own is None or mount is None:
        return None
    folder = Path(mount) / own.lstrip("/")
    return folder if _is_writable(folder) else None


def sessions_members(folder: Path, sessions: Iterable[UUID]) -> set[int]:
    """Return what is left in the groups of earlier runners; empty groups are removed."""
    found: set[int] = set()
    for session in sessions:
        root = folder / f"{_PREFIX}{session}"
        for group in [*root.glob("*/"), root]:
            found.update(_members(group))
            with contextlib.suppress(OSError):
                group.rmdir()
    return found


def _members(folder: Path) -> list[int]:
    try:
        return [int(line) for line in (folder / "cgroup.procs").read_text("ascii").split()]
    except OSError:
        return []


def _kill(folder: Path) -> None:
    with contextlib.suppress(OSError):
        (folder / "cgroup.kill").write_text("1")


def _moved(folder: Path, pid: int) -> bool:
    try:
        (folder / "cgroup.procs").write_text(str(pid))
    except OSError:
        return False
    return True


def _is_writable(folder: Path) -> bool:
    """Try it: a mount may be read-only to root too."""
    probe = folder / f"{_PREFIX}probe-{os.getpid()}"
    try:
        probe.mkdir(exist_ok=True)
        probe.rmdir()
    except OSError:
        return False
    return True
