"""How is a log shown: as it was written, with times, and only its last lines?"""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from k8s4r.cli.logs import Chunk, News
from k8s4r.cli.terminal import Terminal

# executors/admin/task_log.py cuts what is longer.
_ON_A_PAGE: Final = 4 * 1024 * 1024
Sink = Callable[[Chunk, bytes], None]


def merged(terminal: Terminal) -> Sink:
    """Write both streams to stdout, as `k8s4r logs` does: it is all data."""
    return lambda _, data: terminal.write_bytes(data)


def split(terminal: Terminal) -> Sink:
    """Write each stream to its own, as if the command ran here; the agent's words are errors."""

    def sink(chunk: Chunk, data: bytes) -> None:
        if chunk.stream == "stdout":
            terminal.write_bytes(data)
        else:
            terminal.write_bytes_to_stderr(data)

    return sink


@dataclass(slots=True)
class Stamper:
    """Puts the time at which a line began to arrive before it; one per stream and attempt."""

    _open: dict[tuple[int, str], bool] = field(default_factory=dict)

    def stamped(self, chunk: Chunk) -> bytes:
        """Return the chunk's bytes with a time at the start of every line."""
        source = (chunk.attempt, chunk.stream)
        mark = chunk.at.encode() + b" "
        pieces = []
        for line in chunk.data.splitlines(keepends=True):
            pieces.append(line if self._open.get(source) else mark + line)
            self._open[source] = not line.endswith((b"\n", b"\r"))
        return b"".join(pieces)


@dataclass(slots=True)
class View:
    """Shows chunks as they come, and says on stderr when another attempt begins."""

    terminal: Terminal
    sink: Sink
    timestamps: bool = False
    _stamper: Stamper = field(default_factory=Stamper)
    _attempt: int = 0
    _line: int = 0
    _size: int = 0
    _open: frozenset[str] = frozenset()

    def show(self, chunk: Chunk) -> None:
        """Write one chunk."""
        if chunk.attempt != self._attempt:
            if self._attempt:
                self.terminal.note(f"attempt {chunk.attempt} begins")
            self._attempt, self._line, self._open = chunk.attempt, 0, frozenset()
        if chunk.data:
            self._count(chunk)
        self.sink(chunk, self._stamper.stamped(chunk) if self.timestamps else chunk.data)

    @property
    def line(self) -> int:
        """Return the number of the last line begun in the latest attempt, as its page counts.

        0: the log is so long that its page does not begin with the first line.
        """
        return self._line if self._size <= _ON_A_PAGE else 0

    def _count(self, chunk: Chunk) -> None:
        """Each stream has a line of its own that goes on, wherever the other is."""
        self._size += len(chunk.data)
        goes_on = chunk.stream in self._open
        is_open = not chunk.data.endswith(b"\n")
        self._line += chunk.data.count(b"\n") + is_open - goes_on
        self._open = (self._open | {chunk.stream}) if is_open else (self._open - {chunk.stream})


def last_lines(found: Iterable[Chunk | News], count: int) -> tuple[list[Chunk], News | None]:
    """Return the chunks of the last ``count`` lines, the first of them cut to its line."""
    kept: deque[Chunk] = deque()
    lines = 0
    news: News | None = None
    for each in found:
        if isinstance(each, News):
            news = each
            continue
        kept.append(each)
        lines += each.data.count(b"\n")
        # One more line end than asked for: the last line may have none yet.
        while kept and lines - kept[0].data.count(b"\n") > count:
            lines -= kept.popleft().data.count(b"\n")
    return _cut(kept, count), news


def _cut(kept: deque[Chunk], count: int) -> list[Chunk]:
    """Drop whole lines from the front until ``count`` are left."""
    ends = sum(chunk.data.count(b"\n") for chunk in kept)
    is_open = bool(kept) and not kept[-1].data.endswith(b"\n")
    surplus = ends + is_open - count
    chunks = []
    for chunk in kept:
        data = chunk.data
        while surplus > 0 and b"\n" in data:
            data = data.partition(b"\n")[2]
            surplus -= 1
        if surplus <= 0 and data:
            chunks.append(Chunk(chunk.attempt, chunk.stream, chunk.at, data))
    return chunks
