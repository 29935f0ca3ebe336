"""What time is it on this machine? The only module of the agent that asks.

Durations run on CLOCK_BOOTTIME: it never jumps and counts through suspend. After a reboot it
starts again at 0, so an agent adds a base that carries its time line on from the one before
(`carried_on`); every `at` in the spool stays true without being rewritten.
"""

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class Clock(Protocol):
    """The time line that reports, leases and timers of one agent share, in seconds."""

    def now(self) -> float: ...


@dataclass(frozen=True, slots=True)
class BootClock:
    """Seconds since boot, suspend included, plus the base of this agent."""

    base: float = 0.0

    def now(self) -> float:
        return time.clock_gettime(time.CLOCK_BOOTTIME) + self.base


def wall() -> float:
    """Return the seconds since 1970 that this machine believes in."""
    return time.clock_gettime(time.CLOCK_REALTIME)


def boot_ticks() -> int:
    """Return the present moment as the kernel notes the start of a process (proc(5), stat)."""
    return int(time.clock_gettime(time.CLOCK_BOOTTIME) * TICKS_PER_S)


def boot_id() -> str:
    """Return the kernel's name for this boot."""
    return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()


def carried_on(*, offset: float, last: float) -> float:
    """Return the base that continues an earlier boot's time line in this boot.

    ``offset`` is what wall time minus agent time was then; ``last`` the latest moment that the
    spool names. The wall clock bridges the reboot, and where it went backwards, ``last`` does:
    time never returns to before something that was written down.
    """
    boot = time.clock_gettime(time.CLOCK_BOOTTIME)
    return max(wall() - offset - boot, last - boot)
