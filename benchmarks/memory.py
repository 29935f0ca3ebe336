"""How much memory does the platform take, idle and after many tasks?

PSS: shared pages are counted once (`/proc/PID/smaps_rollup`). PostgreSQL's buffers count whole from
the start, as its settings reserve them: a cache that fills is no growth. What is touched of them is
in the detail.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.machine import Figure, report
from benchmarks.throughput import seconds_for
from k8s4r.embedded import postgres
from tests import fleet

BUFFERS_MB = int(postgres.DURABLE["shared_buffers"].removesuffix("MB"))
EARLY, LATE = 2_000, 20_000


@dataclass(frozen=True, slots=True)
class Size:
    """What the processes take together: their own, and what they have touched of the buffers."""

    own_mb: float
    touched_mb: float

    @property
    def reserved_mb(self) -> float:
        """What the machine must have: their own and all of the buffers."""
        return self.own_mb + BUFFERS_MB

    @property
    def pss_mb(self) -> float:
        return self.own_mb + self.touched_mb


def size_of(pids: list[int]) -> Size:
    """Return the proportional set size of the processes together, shared memory apart."""
    total_kb = shared_kb = 0
    for pid in pids:
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        total_kb += sum(int(kb) for kb in re.findall(r"^Pss:\s+(\d+) kB", text, re.M))
        shared_kb += sum(int(kb) for kb in re.findall(r"^Pss_Shmem:\s+(\d+) kB", text, re.M))
    return Size((total_kb - shared_kb) / 1024, shared_kb / 1024)


def processes_of(platform: fleet.Platform) -> list[int]:
    """Return every process that the platform started, by the folder in its environment."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("K8S4R_HOME") == str(platform.home):
                found.append(process.pid)
                found += [child.pid for child in process.children(recursive=True)]
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return sorted(set(found))


def main() -> None:
    """Print the idle size, then the growth over tasks."""
    with fleet.platform() as platform:
        idle = size_of(processes_of(platform))
        with fleet.agents(platform, 2, slots=50):
            seconds_for(platform, EARLY)
            early = size_of(processes_of(platform))
            seconds_for(platform, LATE - EARLY)
            late = size_of(processes_of(platform))
    detail = {"pss_mb": round(idle.pss_mb), "buffers_mb": BUFFERS_MB}
    report(Figure("memory", idle.reserved_mb, 400.0, "MB", "lower", "<= 400 MB idle", detail))
    detail = {
        "early_tasks": EARLY,
        "late_tasks": LATE,
        "early_pss_mb": round(early.pss_mb),
        "late_pss_mb": round(late.pss_mb),
    }
    ours, itself, goal = late.reserved_mb, early.reserved_mb, "<= 1.1 x itself"
    report(Figure("memory_growth", ours, itself, "MB", "lower", goal, detail))


if __name__ == "__main__":
    main()
