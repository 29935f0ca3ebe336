"""How does the apiserver fetch a pod's log? From this HTTPS endpoint, as from every kubelet's.

Only ``GET /containerLogs/NAMESPACE/POD/CONTAINER``, and only for the apiserver's certificate. One
request for each connection: a hundred lines do what a web server would do here.
"""

import asyncio
import re
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.cluster.node import logs
from tests.cluster.node.containers import Container
from tests.cluster.node.logs import Wanted
from tests.cluster.node.pods import PodWorker

HEAD_WITHIN_S = 10
_PATH = re.compile(r"/containerLogs/([^/]+)/([^/]+)/([^/]+)")


@dataclass(frozen=True, slots=True)
class Trust:
    """Our certificate and whom we let ask."""

    certificate: Path
    key: Path
    clients: Path

    def context(self) -> ssl.SSLContext:
        """Return what TLS needs to serve."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(self.clients))
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_cert_chain(self.certificate, self.key)
        return context


class Kubelet:
    """The endpoint; ``workers`` has the pods by namespace and name."""

    def __init__(self, workers: Mapping[tuple[str, str], PodWorker]) -> None:
        self.workers = workers
        self._server: asyncio.Server | None = None

    async def start(self, trust: Trust) -> int:
        """Listen on a free port of the loopback address and return it."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=trust.context())
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, ssl.SSLError, TimeoutError, asyncio.IncompleteReadError):
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), HEAD_WITHIN_S)
            await self._answer(head.split(b"\r\n")[0].decode(), writer)
            await writer.drain()
        writer.close()

    async def _answer(self, request: str, writer: asyncio.StreamWriter) -> None:
        method, target, _ = request.split(" ")
        url = urlsplit(target)
        match = _PATH.fullmatch(url.path)
        if method != "GET" or match is None:
            return _say(writer, 501, "the process node serves logs only")
        namespace, pod, name = (unquote(part) for part in match.groups())
        query = dict(parse_qsl(url.query))
        container = self._container(namespace, pod, name)
        is_previous = query.get("previous") == "true"
        path = None if container is None else container.log(is_previous=is_previous)
        if container is None or path is None:
            return _say(writer, 404, f"container {name} of pod {pod} has no such log")
        return await _send(writer, container, path, Wanted.of(query, now=datetime.now(UTC)))

    def _container(self, namespace: str, pod: str, name: str) -> Container | None:
        worker = self.workers.get((namespace, pod))
        if worker is None or worker.is_silent:
            return None
        return next((one for one in worker.containers if one.spec["name"] == name), None)


async def _send(
    writer: asyncio.StreamWriter, container: Container, path: Path, wanted: Wanted
) -> None:
    writer.write(_head(200, "Transfer-Encoding: chunked"))
    async for piece in logs.read(path, wanted, container.has_ended):
        writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        await writer.drain()
    writer.write(b"0\r\n\r\n")


def _say(writer: asyncio.StreamWriter, status: int, text: str) -> None:
    body = text.encode()
    writer.write(_head(status, f"Content-Length: {len(body)}") + body)


def _head(status: int, length: str) -> bytes:
    kind = "Content-Type: text/plain"
    return f"HTTP/1.1 {status} -\r\n{kind}\r\n{length}\r\nConnection: close\r\n\r\n".encode()
