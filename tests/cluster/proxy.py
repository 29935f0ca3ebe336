"""What lies between the product and its apiserver? A proxy that breaks what a rule tells it to.

::

    with proxied(cluster, tmp_path) as proxy:
        proxy.rules.append(Rule("GET", r"/pods", Break.STATUS, status=429, retry_after_s=2))
        ... proxy.server ...

TLS as everywhere: its certificate is of the cluster's authority. Who asks is told by a token: a
client's certificate would end here.
"""

import asyncio
import json
import re
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from tests.cluster.clusters import Cluster
from tests.waiting import wait_until

HOST = "127.0.0.1"
REASONS = {
    401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 409: "AlreadyExists", 410: "Expired",
    429: "TooManyRequests", 500: "InternalError", 503: "ServiceUnavailable", 504: "Timeout",
}  # fmt: skip
# How a connection may end that is nobody's mistake.
ENDS = (asyncio.CancelledError, ConnectionError, ssl.SSLError, asyncio.IncompleteReadError)
# Nothing of the answer is kept alive: each request has a connection of its own upstream.
HOP = (b"connection:", b"accept-encoding:")


class Break(StrEnum):
    """What is done to a request that a rule matches."""

    STATUS = "status"  # answered here, with ``status`` and ``body``
    DELAY = "delay"  # passed on after ``delay_s``
    BLACKHOLE = "blackhole"  # never answered, the connection stays open
    CUT = "cut"  # the answer ends after ``cut_after_bytes``
    STALL = "stall"  # the answer stops after ``cut_after_bytes``, the connection stays open
    LOSE_REPLY = "lose_reply"  # carried out, and the connection is closed without an answer
    EMPTY_LIST = "empty_list"  # answered as if there were none


@dataclass(slots=True)
class Rule:
    """Which requests, and what happens to them.

    Attributes:
        method: or empty for all; a watch is a GET whose query has ``watch=``.
        path: a pattern that is searched in path and query.
        body: what is answered instead of an error, such as another cluster's kube-system.
        times: for so many requests; None for ever.
    """

    method: str
    path: str
    kind: Break
    status: int = 500
    body: dict[str, object] | None = None
    retry_after_s: int | None = None
    delay_s: float = 0.0
    cut_after_bytes: int = 0
    times: int | None = None
    used: int = 0

    def matches(self, method: str, target: str) -> bool:
        """Return whether this request is one of ours."""
        has_left = self.times is None or self.used < self.times
        is_method = self.method in {"", method}
        return has_left and is_method and re.search(self.path, target) is not None


@dataclass(slots=True)
class Proxy:
    """A running proxy; change ``rules`` at any time, the first that matches holds.

    Attributes:
        seen: every request, as ``METHOD target``, in the order of their coming.
    """

    server: str
    rules: list[Rule] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)

    def cut_all(self) -> None:
        """Close every connection that is open now, as a restarted load balancer does."""
        self._loop.call_soon_threadsafe(self._cut)

    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    def _cut(self) -> None:
        for writer in list(self._open):
            writer.transport.abort()


@dataclass(slots=True)
class _Carrier:
    """What the proxy's loop does with each connection."""

    proxy: Proxy
    upstream: tuple[str, int]
    trust: ssl.SSLContext

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.proxy._open.add(writer)
        work = asyncio.create_task(self._serve_one(reader, writer))
        gone = asyncio.create_task(writer.wait_closed())
        await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
        for task in (work, gone):
            task.cancel()
        await asyncio.gather(work, gone, return_exceptions=True)
        writer.close()
        self.proxy._open.discard(writer)
        with suppress(*ENDS):
            work.result()

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head[:-4].split(b"\r\n")
        method, target, _ = first.decode().split(" ")
        length = next(
            (int(line[15:]) for line in lines if line.lower().startswith(b"content-length:")), 0
        )
        body = await reader.readexactly(length)
        self.proxy.seen.append(f"{method} {target}")
        rule = next((one for one in self.proxy.rules if one.matches(method, target)), None)
        if rule is not None:
            rule.used += 1
        kept = [line for line in lines if not line.lower().startswith(HOP)]
        request = b"\r\n".join([first, *kept, b"Connection: close", b"", body])
        await self._obey(rule, request, target, writer)

    async def _obey(
        self, rule: Rule | None, request: bytes, target: str, writer: asyncio.StreamWriter
    ) -> None:
        kind = rule.kind if rule is not None else None
        if rule is None or kind is Break.DELAY:
            await asyncio.sleep(rule.delay_s if rule else 0)
            await self._pass(request, writer, None)
        elif kind is Break.STATUS:
            writer.write(_chosen(rule))
        elif kind is Break.EMPTY_LIST:
            writer.write(_answer(200, _empty_list(target)))
        elif kind is Break.BLACKHOLE:
            await writer.wait_closed()
        else:
            await self._pass(request, writer, rule)
        await writer.drain()

    async def _pass(self, request: bytes, writer: asyncio.StreamWriter, rule: Rule | None) -> None:
        reader, onward = await asyncio.open_connection(*self.upstream, ssl=self.trust)
        try:
            onward.write(request)
            left = None if rule is None else rule.cut_after_bytes
            if rule is not None and rule.kind is Break.LOSE_REPLY:
                await reader.readuntil(b"\r\n\r\n")
                left = 0
            while left != 0 and (piece := await reader.read(65_536 if left is None else left)):
                writer.write(piece)
                await writer.drain()
                left = None if left is None else left - len(piece)
            if rule is not None and rule.kind is Break.STALL:
                await writer.wait_closed()
            elif rule is not None:
                writer.transport.abort()
        finally:
            onward.close()


def _chosen(rule: Rule) -> bytes:
    reason = REASONS.get(rule.status, "")
    body = {
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": f"the fault proxy says {rule.status}", "reason": reason, "code": rule.status,
    }  # fmt: skip
    body = body if rule.body is None else rule.body
    after = "" if rule.retry_after_s is None else f"Retry-After: {rule.retry_after_s}\r\n"
    return _answer(rule.status, body, after)


def _empty_list(target: str) -> dict[str, object]:
    kind = urlsplit(target).path.rsplit("/", 1)[-1].rstrip("s").capitalize() + "List"
    return {"kind": kind, "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": []}


def _answer(status: int, body: dict[str, object], more: str = "") -> bytes:
    content = json.dumps(body).encode()
    head = f"HTTP/1.1 {status} -\r\nContent-Type: application/json\r\n{more}"
    return f"{head}Content-Length: {len(content)}\r\nConnection: close\r\n\r\n".encode() + content


@contextmanager
def proxied(cluster: Cluster, folder: Path) -> Iterator[Proxy]:
    """Run a proxy before the cluster's apiserver, in a thread, until the block ends."""
    certificate, key = cluster.authority.serving(HOST, "localhost").store(folder, "proxy")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    trust = ssl.create_default_context(cafile=str(cluster.ca))
    proxy, over = Proxy(""), asyncio.Event()
    carrier = _Carrier(proxy, _address(cluster.server), trust)
    serving = _serve(carrier, context, over)
    thread = threading.Thread(target=proxy._loop.run_until_complete, args=(serving,), name="proxy")
    thread.start()
    try:
        wait_until(lambda: proxy.server or not thread.is_alive())
        yield proxy
    finally:
        proxy._loop.call_soon_threadsafe(over.set)
        thread.join(10)
        assert not thread.is_alive(), "the proxy did not end"


async def _serve(carrier: _Carrier, context: ssl.SSLContext, over: asyncio.Event) -> None:
    proxy = carrier.proxy
    server = await asyncio.start_server(carrier.serve, HOST, 0, ssl=context)
    proxy.server = f"https://{HOST}:{server.sockets[0].getsockname()[1]}"
    await over.wait()
    server.close()
    proxy._cut()
    while proxy._open:
        await asyncio.sleep(0.01)


def _address(server: str) -> tuple[str, int]:
    url = urlsplit(server)
    assert url.hostname is not None
    assert url.port is not None
    return url.hostname, url.port
