"""What has the work written since the last look, and when is it too much?

The files are the buffer. Up to the limit every byte is kept and reported; beyond it the file is
cut back, so that a flood does not fill the disk, and the work goes on. Work that writes more than
`FLOOD_FACTOR` times its limit (and `FLOOD_BYTES`) is to be ended.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

from agents.wire.messages import LOG_CHUNK_BYTES

FLOOD_FACTOR: Final = 4
FLOOD_BYTES: Final = 16 * 1024 * 1024
FIRST_LOOK_S: Final = 0.02
FAST_LOOK_S: Final = 0.005
FAST_BYTES: Final = 1024 * 1024

Stream: TypeAlias = Literal["stdout", "stderr"]
Span: TypeAlias = tuple[Stream, int, int]


@dataclass(slots=True)
class _File:
    stream: Stream
    fd: int
    kept: int = 0
    reported: int = 0


class Tail:
    """Both output files of one attempt. ``look_after_s`` is when to look again."""

    def __init__(self, folder: Path, *, limit_bytes: int, slowest_look_s: float) -> None:
        self._files = [_File("stdout", _opened(folder / "stdout"))]
        self._files.append(_File("stderr", _opened(folder / "stderr")))
        self.limit = limit_bytes
        self._slowest = slowest_look_s
        self._taken = 0
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

    def close(self) -> None:
        for file in self._files:
            os.close(file.fd)
        self._files = []

    def _measure(self, file: _File) -> None:
        size = os.fstat(file.fd).st_size
        if size < file.kept:
            # The work opened its own output again and emptied it, as `> /dev/stdout` does.
            file.kept = file.reported = 0
        allowed = file.kept + self.limit - self._taken
        if size > allowed:
            os.ftruncate(file.fd, allowed)
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


def _opened(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CLOEXEC)
