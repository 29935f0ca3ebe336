"""Are the lock files of a killed PostgreSQL in the way of a new one?

PostgreSQL refuses to start while the pid in them exists, whoever has that pid by now: after a
crash in a container that may be any process, or one that nobody reaps.
"""

from pathlib import Path

import psutil


def remove_stale(data: Path, run: Path) -> None:
    """Remove those of ``data`` and of its socket unless a PostgreSQL runs under their pid.

    Should one run on these data after all, its shared memory still keeps a second one out.
    """
    for path in (data / "postmaster.pid", *run.glob(".s.PGSQL.*.lock")):
        if not _is_held(path):
            path.unlink(missing_ok=True)


def _is_held(path: Path) -> bool:
    try:
        return _is_postgres(int(path.read_text().split("\n", maxsplit=1)[0]))
    except (OSError, ValueError):
        return False


def _is_postgres(pid: int) -> bool:
    try:
        process = psutil.Process(pid)
        return process.name() == "postgres" and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
