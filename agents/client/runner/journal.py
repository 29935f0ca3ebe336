"""How do facts about attempts reach the disk, in one order and with one sync for many?

Segments are append-only. `append` only buffers; `write` hands the buffer to the kernel, after
which a killed runner loses nothing; a thread of its own syncs what was written meanwhile in one
go, after which a power cut loses nothing either. ``durable`` says how far that has come; nothing
is sent before. A slow disk thus delays reports, never the loop that watches the lease.
"""

import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from agents.client.runner.records import AnyRecord, Complete, Record, packed, unpacked

SEGMENT_BYTES: Final = 8 * 1024 * 1024
RESERVE_BYTES: Final = 256 * 1024


class JournalBroken(Exception):
    """The disk refused to make written records durable: what is on it is not known any more."""


class Journal:
    """The newest segment, open for appending. Positions count bytes since this runner began."""

    def __init__(self, folder: Path, *, durable_moved: Callable[[], None]) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._buffer = bytearray()
        self._reserve = folder / "reserve"
        self._segment_size = self._segment_limit = 0
        self._committer = _Committer(folder, durable_moved)
        self._fd = -1
        self.appended = 0
        self.written = 0

    @property
    def durable(self) -> int:
        """The position up to which everything survives a power cut.

        Raises:
            JournalBroken: a sync failed; go on with a new runner and what can be read back.
        """
        if self._committer.failure is not None:
            raise JournalBroken(str(self._committer.failure))
        return self._committer.durable

    @property
    def has_grown(self) -> bool:
        """Is it time to `rotate`?"""
        return self._segment_size > self._segment_limit

    def append(self, record: Record) -> int:
        """Buffer a record and return the position behind it."""
        data = packed(record)
        self._buffer += data
        self.appended += len(data)
        return self.appended

    def write(self) -> None:
        """Hand everything buffered to the kernel and ask for a sync.

        Raises:
            OSError: no room, not even with the reserve; the buffer stays for the next try.
        """
        if not self._buffer:
            return
        try:
            self._write_all()
        except OSError:
            self._reserve.unlink(missing_ok=True)
            self._write_all()
        self._committer.commit(self._fd, self.written)

    def rotate(self, snapshot: Iterable[Record]) -> None:
        """Begin a new segment with ``snapshot`` and drop the older ones once it is durable.

        Raises:
            OSError: no room for it; the older segment stays in use.
        """
        self.write()
        older = _segments(self._folder)
        number = int(older[-1].stem) + 1 if older else 1
        path = self._folder / f"{number:08d}.journal"
        data = b"".join(packed(record) for record in (*snapshot, Complete()))
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            _write_whole(fd, data)
            self._keep_reserve()
        except OSError:
            os.close(fd)
            path.unlink()
            raise
        self._committer.switch(fd, self._fd, older)
        self._fd, self._segment_size = fd, len(data)
        self._segment_limit = SEGMENT_BYTES + 2 * len(data)

    def sync(self) -> None:
        """Wait until the segment is durable; only for the start, before anything runs."""
        os.fsync(self._fd)

    def close(self) -> None:
        """Stop the committing thread; what is not durable by then is not waited for."""
        self._committer.close()
        if self._fd >= 0:
            os.close(self._fd)

    def _write_all(self) -> None:
        _write_whole(self._fd, self._buffer)
        self._segment_size += len(self._buffer)
        self.written += len(self._buffer)
        self._buffer.clear()

    def _keep_reserve(self) -> None:
        """Hold some room back, so that results can be written on a disk that others filled."""
        if not self._reserve.exists():
            self._reserve.write_bytes(b"\0" * RESERVE_BYTES)


def read(folder: Path) -> list[AnyRecord]:
    """Return the records since the newest complete snapshot, oldest first."""
    for path in reversed(_segments(folder)):
        records = list(unpacked(path.read_bytes()))
        if any(isinstance(record, Complete) for record in records):
            return records
    return []


class _Committer:
    """The thread that syncs; it shares two numbers with the loop, under one lock."""

    def __init__(self, folder: Path, durable_moved: Callable[[], None]) -> None:
        self._folder = folder
        self._durable_moved = durable_moved
        self._changed = threading.Condition()
        self._fd, self._wanted, self._closing = -1, 0, False
        self._retired: list[tuple[int, list[Path]]] = []
        self.durable = 0
        self.failure: OSError | None = None
        self._thread = threading.Thread(target=self._run, name="journal-sync", daemon=True)
        self._thread.start()

    def commit(self, fd: int, position: int) -> None:
        with self._changed:
            self._fd, self._wanted = fd, position
            self._changed.notify()

    def switch(self, fd: int, old_fd: int, old_paths: list[Path]) -> None:
        with self._changed:
            self._fd = fd
            self._retired.append((old_fd, old_paths))
            self._changed.notify()

    def close(self) -> None:
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closing or self._has_work())
                if self._closing and not self._has_work():
                    return
                fd, wanted = self._fd, self._wanted
                retired, self._retired = self._retired, []
            try:
                self._sync(fd, retired)
            except OSError as error:
                self.failure = error
                self._durable_moved()
                return
            self.durable = wanted
            self._durable_moved()

    def _has_work(self) -> bool:
        return self.durable < self._wanted or bool(self._retired)

    def _sync(self, fd: int, retired: list[tuple[int, list[Path]]]) -> None:
        os.fdatasync(fd)
        if not retired:
            return
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        for old_fd, paths in retired:
            if old_fd >= 0:
                os.close(old_fd)
            for path in paths:
                path.unlink(missing_ok=True)


def _segments(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.journal"))


def _write_whole(fd: int, data: bytes | bytearray) -> None:
    """Write everything, or leave the file as it was."""
    before = os.fstat(fd).st_size
    view = memoryview(data)
    try:
        while view:
            view = view[os.write(fd, view) :]
    except OSError:
        os.ftruncate(fd, before)
        raise
    finally:
        view.release()
