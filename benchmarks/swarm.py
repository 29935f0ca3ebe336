"""Many agents in one process: raw HTTP on kept connections, so that the server is what is slow."""

import asyncio
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

_LENGTH = re.compile(rb"content-length: (\d+)", re.I)
_OPENED_AT_ONCE = 200


def post(path: str, token: str, body: bytes) -> bytes:
    """Return a whole request."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


@dataclass
class Tally:
    """How long each answer took, and how many were not good."""

    seconds: list[float] = field(default_factory=list)
    failures: int = 0


class Connection(asyncio.Protocol):
    """Sends its requests one after the other."""

    def __init__(self, requests: Sequence[bytes], tally: Tally) -> None:
        self.done = asyncio.get_running_loop().create_future()
        self._requests = list(reversed(requests))
        self._tally = tally
        self._received = b""
        self._sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by type
        self._send()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, _, body = self._received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if length is None or len(body) < int(length[1]):
            return
        self._tally.seconds.append(time.monotonic() - self._sent_at)
        self._tally.failures += not head.startswith(b"HTTP/1.1 2")
        self._received = b""
        self._send()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self._tally.failures += 1
            self.done.set_result(None)

    def _send(self) -> None:
        if not self._requests:
            self.done.set_result(None)
            self._transport.close()
            return
        self._sent_at = time.monotonic()
        self._transport.write(self._requests.pop())


async def open_all(port: int, scripts: Sequence[Sequence[bytes]], tally: Tally) -> list[Connection]:
    """Open one connection for each script, a few at a time, and let them run."""
    loop = asyncio.get_running_loop()
    gate = asyncio.Semaphore(_OPENED_AT_ONCE)

    async def opened(script: Sequence[bytes]) -> Connection:
        async with gate:
            made = await loop.create_connection(
                lambda: Connection(script, tally), "127.0.0.1", port
            )
        return made[1]

    return list(await asyncio.gather(*(opened(script) for script in scripts)))


async def play(port: int, scripts: Sequence[Sequence[bytes]]) -> Tally:
    """Run every script to its end."""
    tally = Tally()
    connections = await open_all(port, scripts, tally)
    await asyncio.gather(*(connection.done for connection in connections))
    return tally
