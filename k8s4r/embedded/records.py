"""Is the process that we once started still the same one? A pid and when it was born, on disk."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

PROC = Path("/proc/self/stat")
# Fields of /proc/PID/stat after the name in brackets (proc(5)): state is 3, starttime is 22.
STATE_FIELD = 0
START_FIELD = 19


@dataclass(frozen=True, slots=True)
class Record:
    """One process, told apart from a later one with the same pid."""

    pid: int
    birth: str

    def is_alive(self) -> bool:
        """Return whether it still runs; what only waits to be reaped does not."""
        return birth_of(self.pid) == self.birth


def of(pid: int) -> Record:
    """Return the record of a process that runs now; of one that just ended, one that is dead."""
    return Record(pid, birth_of(pid) or "ended")


def write(path: Path, record: Record) -> None:
    """Keep a record, whole or not at all."""
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(asdict(record)))
    draft.replace(path)


def read(path: Path) -> Record | None:
    """Return the record in ``path``, None when there is none that makes sense."""
    try:
        found = json.loads(path.read_text())
        return Record(int(found["pid"]), str(found["birth"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def birth_of(pid: int) -> str | None:
    """Return when a process began, in a form only good for comparing; None when it has ended.

    On Linux the start in ticks since boot, with the boot's id: no change of the wall clock moves
    it, as it moves what others compute from it.
    """
    if PROC.exists():
        return _linux_birth(pid)
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else repr(process.create_time())
    except psutil.NoSuchProcess:
        return None


def _linux_birth(pid: int) -> str | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    if fields[STATE_FIELD] in "ZX":
        return None
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot}:{fields[START_FIELD]}"
