"""What has the work written since the last look, and when is it too much?

The files are the buffer. Up to the limit every byte is kept and reported; beyond it the file is
cut back, so that a flood does not fill the disk, and the work goes on. Work that writes more than
`FLOOD_FACTOR` times its limit (and `FLOOD_BYTES`) is to be ended.
"""

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from agents.client.runner.files import Files, Stream
from agents.wire.messages import LOG_CHUNK_BYTES

FLOOD_FACTOR: Final = 4
FLOOD_BYTES: Final = 16 * 1024 * 1024
FIRST_LOOK_S: Final = 0.02
FAST_LOOK_S: Final = 0.005
FAST_BYTES: Final = 1024 * 1024
ANCHOR_BYTES: Final = 64
REMARK_BYTES: Final = 512

Span: TypeAlias = tuple[Stream, int, int]

STREAMS: Final[tuple[Stream, ...]] = ("stdout", "stderr")


def room(limit_bytes: int) -> int:
    """Return how much of a limit is for the work; the rest is for what the agent remarks."""
    return limit_bytes - REMARK_BYTES if limit_bytes > 8 * REMARK_BYTES else limit_bytes


@dataclass(slots=True)
class _File:
    """``anchor`` is what stands right before ``kept``: as long as it does, the file only grew."""

    stream: Stream
    path: str
    kept: int
    reported: int
    anchor: bytes
    seen: tuple[int, int] = (0, 0)


class Tail:
    """Both output files of one attempt. ``look_after_s`` is when to look again."""

    def __init__(
        self,
        files: Files,
        *,
        limit_bytes: int,
        slowest_look_s: float,
        reported: Mapping[str, int] | None = None,
    ) -> None:
        self._files = [_file(stream, files, reported or {}) for stream in STREAMS]
        self._slowest = slowest_look_s
        self._taken = sum(file.reported for file in self._files)
        self.limit = limit_bytes
        self.dropped = 0
        self.emptied = False
        self.look_after_s = FIRST_LOOK_S

    @property
    def is_flood(self) -> bool:
        written = self._taken + self.dropped
        return written > max(FLOOD_FACTOR * self.limit, FLOOD_BYTES)

    def look(self, *, room: int) -> list[Span]:
        """Cut what is too much and return new pieces, at most ``room`` of them.

        What finds no room stays in its file for a later look.
        """
        before = self._taken + self.dropped
        for file in self._files:
            self._measure(file)
        grown = self._taken + self.dropped - before
        self._pace(grown)
        return [span for _, span in zip(range(room), self._spans(), strict=False)]

    def remarks(self) -> Iterator[str]:
        """Yield what a reader of the log should know about what is missing in it."""
        if self.dropped:
            yield f"{self.dropped} bytes of output beyond the limit of {self.limit} were dropped"
        if self.emptied:
            yield (
                "the work emptied its own output, as `> /dev/stderr` does, and some of it may be "
                "missing; `>&2` and `>> /dev/stderr` do not"
            )

    def _measure(self, file: _File) -> None:
        seen = _size(file.path)
        if seen == file.seen:
            return
        file.seen, size = seen, seen[0]
        if size < file.kept or _before(file.path, file.kept) != file.anchor:
            # The work opened its own output again and emptied it, as `> /dev/stdout` does.
            file.kept = file.reported = 0
            self.emptied = True
        allowed = file.kept + self.limit - self._taken
        if size > allowed:
            with contextlib.suppress(OSError):
                os.truncate(file.path, allowed)
            self.dropped += size - allowed
            size = allowed
        self._taken += size - file.kept
        file.kept = size
        file.anchor = _before(file.path, size)

    def _spans(self) -> Iterator[Span]:
        for file in self._files:
            while file.reported < file.kept:
                length = min(LOG_CHUNK_BYTES, file.kept - file.reported)
                offset = file.reported
                file.reported += length
                yield file.stream, offset, length

    def _pace(self, grown: int) -> None:
        if grown > FAST_BYTES:
            self.look_after_s = FAST_LOOK_S
        elif grown:
            self.look_after_s = FIRST_LOOK_S
        else:
            self.look_after_s = min(self.look_after_s * 1.5, self._slowest)


def _file(stream: Stream, files: Files, reported: Mapping[str, int]) -> _File:
    begin = reported.get(stream, 0)
    path = files.output(stream)
    return _File(stream, path, kept=begin, reported=begin, anchor=_before(path, begin))


def _size(path: str) -> tuple[int, int]:
    """Return a file's size and when it changed; one alone may stand still while it grows."""
    try:
        found = os.stat(path)
    except OSError:
        return 0, 0
    return found.st_size, found.st_mtime_ns


def _before(path: str, end: int) -> bytes:
    """Return the few bytes before ``end``; nothing when the file is gone."""
    if end == 0:
        return b""
    begin = max(0, end - ANCHOR_BYTES)
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.pread(fd, end - begin, begin)
    finally:
        os.close(fd)
