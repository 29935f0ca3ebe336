"""How do an attempt's files go without holding anything up?

Work may leave a hundred thousand files. Renaming their folder is one step; a thread of its own
does the rest, and what it did not finish is found in the trash by the next runner.
"""

import contextlib
import os
import shutil
import threading
from pathlib import Path
from queue import SimpleQueue


class Trash:
    """A folder whose contents are being deleted."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, exist_ok=True)
        self._folder = folder
        self._queue: SimpleQueue[Path | None] = SimpleQueue()
        for left in folder.iterdir():
            self._queue.put(left)
        self._thread = threading.Thread(target=self._run, name="trash", daemon=True)
        self._thread.start()

    def put(self, path: Path) -> None:
        """Take a folder, or a file, away; its name is free at once."""
        place = self._folder / path.name
        try:
            os.rename(path, place)
        except OSError:
            place = path
        self._queue.put(place)

    def close(self) -> None:
        """Finish what is queued, within reason; the next runner does the rest."""
        self._queue.put(None)
        self._thread.join(timeout=5)

    def _run(self) -> None:
        while (path := self._queue.get()) is not None:
            # What cannot be deleted now must not keep the rest: the next runner tries again.
            with contextlib.suppress(OSError):
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)
