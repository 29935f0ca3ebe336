"""Why did work end that did not choose to? Only what can be seen from outside is said."""

import os
import signal
from pathlib import Path
from typing import Final

from agents.client.drivers.base import End

FULL_BYTES: Final = 1024 * 1024
MESSAGES: Final = {
    "disk_full": "the disk of this machine is full",
    "oom": "the kernel killed the process for want of memory",
    "output_limit": "the work wrote far more than its output limit and was ended",
}


def reason(end: End, root: Path) -> str:
    """Return the `signal_reason` of work that ended by itself; empty when there is none."""
    if end.exit_code == 0:
        return ""
    if is_full(root):
        return "disk_full"
    if end.signal == signal.SIGKILL and _oom_kills.has_grown():
        return "oom"
    return ""


def is_full(root: Path) -> bool:
    """Is there no room to speak of on the disk of this folder?"""
    room = os.statvfs(root)
    return room.f_bavail * room.f_frsize < FULL_BYTES


class _OomKills:
    """The kernel's count of its kills for want of memory, on the whole machine."""

    def __init__(self) -> None:
        self._last = _count()

    def has_grown(self) -> bool:
        before, self._last = self._last, _count()
        return self._last > before


def _count() -> int:
    try:
        lines = Path("/proc/vmstat").read_text("ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)


_oom_kills: Final = _OomKills()
