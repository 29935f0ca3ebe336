"""What must outlive the runner? Orders, reports until they are acknowledged, output files.

spool/journal/       what was taken, reported and acknowledged (`journal`)
spool/attempts/ID    the working folder of an attempt that has a process
spool/output/ID.*    what it wrote
spool/blanks/        empty output files for the next ones (`blanks`)
"""

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final
from uuid import UUID

import msgspec

from agents.client.runner import journal
from agents.client.runner.attempt import Attempt, Phase
from agents.client.runner.blanks import Blanks
from agents.client.runner.files import Files, Stream
from agents.client.runner.records import (
    Accepted,
    Acked,
    Entry,
    Forgotten,
    Kept,
    Launched,
    Life,
    Noted,
    Piece,
    Record,
    Reported,
    Unwanted,
)
from agents.client.runner.trash import Trash
from agents.wire.messages import (
    LOG_CHUNK_BYTES,
    EndReport,
    Log,
    Order,
    Progress,
    Report,
)

ROTATE_AGAIN_AFTER_S: Final = 10.0
LOST_OUTPUT: Final = b"[output lost: the machine went down before it was on disk]\n"

_encode: Final = msgspec.json.Encoder().encode


class SpoolInUse(Exception):
    """Another runner works with this folder."""


class Spool:
    """The disk side of every held attempt. Nothing here talks to a process or a network."""

    def __init__(self, root: Path, *, durable_moved: Callable[[], None]) -> None:
        self.root = root
        self._attempts = root / "attempts"
        self._attempts.mkdir(mode=0o711, exist_ok=True)
        self._output = root / "output"
        self._output.mkdir(mode=0o700, exist_ok=True)
        self.journal = journal.Journal(root / "journal", durable_moved=durable_moved)
        self._trash = Trash(root / "trash")
        self._blanks = root / "blanks"
        self._blanks.mkdir(mode=0o700, exist_ok=True)
        self.blanks = Blanks(str(self._blanks))
        self._life: Life | None = None
        self._rotate_after = 0.0

    def begin(self, life: Life, held: Iterable[Attempt]) -> None:
        """Start this runner's segment with what an earlier one left, and drop other folders."""
        kept = list(held)
        self._life = life
        self.journal.rotate(self._snapshot(kept))
        self.journal.sync()
        self._drop_files_of_others(
            {str(identity) for one in kept for identity in (one.id, _folder(one.order))}
        )

    def rotate_when_grown(self, held: Iterable[Attempt], *, now: float) -> None:
        """Begin a new segment when the present one is long; on a full disk try again later."""
        if not self.journal.has_grown or now < self._rotate_after:
            return
        self._rotate_after = now + ROTATE_AGAIN_AFTER_S
        try:
            self.journal.rotate(self._snapshot(held))
        except OSError:
            return

    def accept(self, order: Order) -> Attempt:
        """Write down that the order was taken."""
        self.journal.append(Accepted(order))
        return Attempt(order)

    def launched(self, attempt: Attempt, *, pid: int, start_ticks: int) -> None:
        """Write down which process is the work."""
        self.journal.append(Launched(attempt.id, pid, start_ticks))

    def note(self, attempt: Attempt, report: Report) -> None:
        """Queue a report; its ``seq`` must be the attempt's next."""
        last = isinstance(report, EndReport)
        self._add(attempt, Noted(attempt.id, report.seq, report.at, _encode(report), last))
        attempt.has_end_report = attempt.has_end_report or last

    def piece(
        self,
        attempt: Attempt,
        stream: Stream,
        span: tuple[int, int],
        *,
        at: float,
    ) -> None:
        """Queue a log report over ``span`` (offset, length) of an output file."""
        offset, length = span
        attempt.reported[stream] = offset + length
        self._add(attempt, Piece(attempt.id, attempt.next_seq, at, stream, offset, length))

    def acked(self, attempt: Attempt, seq: int) -> None:
        """Drop the reports up to ``seq``: the server has them."""
        while attempt.entries and attempt.entries[0][0].seq <= seq:
            attempt.entries.popleft()
        if seq > attempt.acked:
            attempt.acked = seq
            self.journal.append(Acked(attempt.id, seq))

    def unwanted(self, attempt: Attempt) -> None:
        """Drop every report: the attempt is superseded."""
        attempt.unwanted = True
        attempt.entries.clear()
        self.journal.append(Unwanted(attempt.id))

    def kept(self, attempt: Attempt) -> None:
        """Write down that the attempt's plan waits for a decision."""
        self.journal.append(Kept(attempt.id))

    def forget(self, attempt: Attempt) -> None:
        """Drop the attempt and its files; a folder that was handed over is its apply's by now."""
        self.journal.append(Forgotten(attempt.id))
        self._drop_files(attempt)

    def files(self, order: Order) -> Files:
        """Return where an attempt's files are; an apply works in the folder of its plan."""
        output = f"{self._output}/{order.attempt}"
        return Files(f"{self._attempts}/{_folder(order)}", f"{output}.stdout", f"{output}.stderr")

    def body(self, attempt: Attempt, entry: Entry) -> bytes:
        """Return the report as the server reads it; log bytes come from the output file."""
        if isinstance(entry, Noted):
            return entry.body
        path = self.files(attempt.order).output(entry.stream)
        log = Log(
            attempt=attempt.id,
            token=attempt.order.token,
            seq=entry.seq,
            at=entry.at,
            stream=entry.stream,
            data=_span(path, entry.offset, entry.length),
        )
        return _encode(log)

    def filler(self, attempt: Attempt, seq: int, *, at: float) -> bytes:
        """Return a report for a place whose own report was acknowledged and dropped already."""
        return _encode(
            Progress(
                attempt=attempt.id,
                token=attempt.order.token,
                seq=seq,
                at=at,
                message="a report that the server had acknowledged is gone on both sides",
            )
        )

    def close(self) -> None:
        self.journal.close()
        self.blanks.close()
        self._trash.close()

    def _drop_files(self, attempt: Attempt) -> None:
        """Delete what an attempt left; a folder that is not empty goes by way of the trash."""
        files = self.files(attempt.order)
        self.blanks.put(files.stdout)
        self.blanks.put(files.stderr)
        if attempt.handed_over:
            return
        try:
            os.rmdir(files.work)
        except FileNotFoundError:
            return
        except OSError:
            self._trash.put(Path(files.work))

    def _drop_files_of_others(self, kept: set[str]) -> None:
        folders = (self._attempts, self._output, self._blanks)
        for path in [path for folder in folders for path in folder.iterdir()]:
            if path.stem not in kept:
                self._trash.put(path)

    def _add(self, attempt: Attempt, entry: Entry) -> None:
        if attempt.unwanted:
            return
        position = self.journal.append(entry)
        attempt.entries.append((entry, position))
        attempt.next_seq = entry.seq + 1

    def _snapshot(self, held: Iterable[Attempt]) -> Iterator[Record]:
        assert self._life is not None
        yield self._life
        for attempt in held:
            yield from _records(attempt)


@contextlib.contextmanager
def claimed(root: Path) -> Iterator[None]:
    """Hold the folder for one runner.

    Raises:
        SpoolInUse: another one has it.
    """
    root.mkdir(mode=0o711, parents=True, exist_ok=True)
    fd = os.open(root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise SpoolInUse(f"another runner works with {root}") from error
    finally:
        os.close(fd)


def _records(attempt: Attempt) -> Iterator[Record]:
    """Yield what a new segment has to say of an attempt."""
    yield Accepted(attempt.order)
    if attempt.child is not None:
        yield Launched(attempt.id, attempt.child.pid, attempt.child.start_ticks)
    if attempt.reported:
        yield Reported(attempt.id, attempt.reported)
    if attempt.acked:
        yield Acked(attempt.id, attempt.acked)
    if attempt.phase is Phase.HELD:
        yield Kept(attempt.id)
    if attempt.unwanted:
        yield Unwanted(attempt.id)
    for entry, _ in attempt.entries:
        yield entry


def _folder(order: Order) -> UUID:
    """Return the attempt that the working folder is named for."""
    return order.attempt if order.plan is None else order.plan.attempt


def _span(path: str, offset: int, length: int) -> bytes:
    """Read a piece; what a power cut took is replaced, so that the report can still be made."""
    try:
        with open(path, "rb") as file:
            data = os.pread(file.fileno(), length, offset)
    except FileNotFoundError:
        data = b""
    return data if len(data) == length else (data + LOST_OUTPUT)[:LOG_CHUNK_BYTES]
