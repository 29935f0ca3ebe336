"""What has the work written since the last look, and when is it too much?

The files are the buffer. Up to the limit every byte is kept and reported; beyond it the file is
cut back, so that a flood does not fill the disk, and the work goes on. Work that writes more than
`FLOOD_FACTOR` times its limit (and `FLOOD_BYTES`) is to be ended.
"""

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

Span: TypeAlias = tuple[Stream, int, int]

STREAMS: Final[tuple[Stream, ...]] = ("stdout", "stderr")


@dataclass(slots=True)
class _File:
    stream: Stream
    path: str
    kept: int
    reported: int


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

    def _measure(self, file: _File) -> None:
        size = _size(file.path)
        if size < file.kept:
            # The work opened its own output again and emptied it, as `> /dev/stdout` does.
            file.kept = file.reported = 0
        allowed = file.kept + self.limit - self._taken
        if size > allowed:
            os.truncate(file.path, allowed)
            self.dropped += size - allowed
            size = allowed
        self._taken += size - file.kept
        file.kept = size

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
    return _File(stream, str(files.output(stream)), kept=begin, reported=begin)


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0
