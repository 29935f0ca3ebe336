"""What did a container say, and when? A file of stamped lines, and how it is read back."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO, Self

# Kubernetes shows times of log lines with nanoseconds; a fixed width is what keeps them sortable.
STAMP = "%Y-%m-%dT%H:%M:%S.%f"
STAMP_BYTES = 30
LONGEST_LINE = 16_384
EVERY_S = 0.05


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which lines somebody wants (PodLogOptions).

    Attributes:
        tail: so many lines at the end; None for all.
        since: lines from then on.
        most_bytes: not more than that.
    """

    tail: int | None = None
    since: datetime | None = None
    most_bytes: int | None = None
    shows_times: bool = False
    follows: bool = False

    @classmethod
    def of(cls, query: Mapping[str, str], *, now: datetime) -> Self:
        """Read the query of the kubelet's ``containerLogs``."""
        since = None
        if "sinceTime" in query:
            since = datetime.fromisoformat(query["sinceTime"].replace("Z", "+00:00"))
        if "sinceSeconds" in query:
            since = now - timedelta(seconds=int(query["sinceSeconds"]))
        return cls(
            tail=int(query["tailLines"]) if "tailLines" in query else None,
            since=since,
            most_bytes=int(query["limitBytes"]) if "limitBytes" in query else None,
            shows_times=query.get("timestamps") == "true",
            follows=query.get("follow") == "true",
        )


async def record(stream: asyncio.StreamReader, path: Path) -> None:
    """Write what a process says to a file, each line with the moment when it came."""
    rest = b""
    with path.open("ab", buffering=0) as file:
        while chunk := await stream.read(65_536):
            *lines, rest = (rest + chunk).split(b"\n")
            _write(file, lines)
            while len(rest) > LONGEST_LINE:
                _write(file, [rest[:LONGEST_LINE]])
                rest = rest[LONGEST_LINE:]
        if rest:
            _write(file, [rest])


def _write(file: BinaryIO, lines: list[bytes]) -> None:
    stamp = f"{datetime.now(UTC).strftime(STAMP)}000Z".encode()
    file.write(b"".join(stamp + b" " + line + b"\n" for line in lines))


async def read(path: Path, wanted: Wanted, is_over: asyncio.Event) -> AsyncIterator[bytes]:
    """Yield the wanted lines; a follower gets new ones until the container has ended."""
    left = wanted.most_bytes
    with path.open("rb") as file:
        lines = [line for line in file if _is_since(line, wanted.since)]
        if wanted.tail is not None:
            lines = lines[len(lines) - wanted.tail :] if wanted.tail else []
        while True:
            shown = b"".join(
                line if wanted.shows_times else line[STAMP_BYTES + 1 :] for line in lines
            )
            if left is not None:
                shown, left = shown[:left], left - len(shown[:left])
            if shown:
                yield shown
            was_over = is_over.is_set()
            lines = file.readlines()
            if not lines and (not wanted.follows or was_over or left == 0):
                return
            if not lines:
                await asyncio.sleep(EVERY_S)


def _is_since(line: bytes, since: datetime | None) -> bool:
    if since is None:
        return True
    stamp = datetime.strptime(line[:26].decode(), STAMP).replace(tzinfo=UTC)
    return stamp >= since
