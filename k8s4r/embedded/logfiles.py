"""How do the parts' log files stay small? Two halves of at most 5 MB each."""

import shutil
from contextlib import suppress
from pathlib import Path

LIMIT_BYTES = 5 * 1024 * 1024


def trim(log: Path, limit_bytes: int = LIMIT_BYTES) -> None:
    """Move what a full file holds to ``.1``, while its writer goes on.

    The writer appends (O_APPEND), so its next line stands at the new beginning. A line written
    between copy and cut is lost; logs of ours are no evidence, audit events are. On a full disk the
    cut comes without the copy: it is what makes room.
    """
    if log.exists() and log.stat().st_size > limit_bytes:
        with suppress(OSError):
            shutil.copyfile(log, log.with_suffix(".log.1"))
        with log.open("r+b") as file:
            file.truncate(0)
