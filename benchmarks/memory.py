"""How much memory does the platform take, idle and after many tasks?

PSS: shared pages are counted once (`/proc/PID/smaps_rollup`).
"""

import re
from pathlib import Path

import psutil

from benchmarks.exec import unfinished
from benchmarks.machine import Figure, report
from tests import fleet

EARLY, LATE = 2_000, 20_000
LIST = 1_000


def pss_mb(pids: list[int]) -> float:
    """Return the proportional set size of the processes together."""
    total_kb = 0
    for pid in pids:
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        total_kb += sum(int(kb) for kb in re.findall(r"^Pss:\s+(\d+) kB", text, re.M))
    return total_kb / 1024


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


def run(platform: fleet.Platform, tasks: int) -> None:
    """Run so many empty tasks to their end."""
    for _ in range(tasks // LIST):
        platform.post("/api/v1/tasks", [{"driver": "noop", "spec": {}}] * LIST)
    fleet.wait_until(lambda: not unfinished(platform), timeout_s=300, every_s=0.1)


def main() -> None:
    """Print the idle size, then the growth over tasks."""
    with fleet.platform() as platform:
        idle = pss_mb(processes_of(platform))
        with fleet.agents(platform, 2, slots=50):
            run(platform, EARLY)
            early = pss_mb(processes_of(platform))
            run(platform, LATE - EARLY)
            late = pss_mb(processes_of(platform))
    report(Figure("memory", idle, 400.0, "MB PSS", better="lower", goal="<= 400 MB idle"))
    detail = {"early_tasks": EARLY, "late_tasks": LATE}
    goal = "<= 1.1 x itself"
    report(Figure("memory_growth", late, early, "MB PSS", "lower", goal, detail))


if __name__ == "__main__":
    main()
