"""A web hook and a mail server that are real, small, and say what they got."""

import http.server
import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar


@dataclass
class Received:
    """What came, and how it is answered: ``status`` for a web hook."""

    port: int = 0
    status: int = 200
    location: str = ""
    messages: list[Any] = field(default_factory=list)


@contextmanager
def web_hook() -> Iterator[Received]:
    """Take JSON at any path until the block ends."""
    received = Received()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            received.messages.append(json.loads(self.rfile.read(length)))
            self.send_response(received.status)
            if received.location:
                self.send_header("Location", received.location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    with _running(server, received):
        yield received


@contextmanager
def mail_server() -> Iterator[Received]:
    """Speak as much SMTP (RFC 5321) as one message needs."""
    received = Received()

    class Handler(socketserver.StreamRequestHandler):
        answers: ClassVar = {b"DATA": b"354 go on", b"QUIT": b"221 bye"}

        def handle(self) -> None:
            self.wfile.write(b"220 here\r\n")
            for line in self.rfile:
                verb = line[:4].upper().strip()
                self.wfile.write(self.answers.get(verb, b"250 ok") + b"\r\n")
                if verb == b"DATA":
                    received.messages.append(b"".join(iter(self.rfile.readline, b".\r\n")))
                    self.wfile.write(b"250 ok\r\n")
                if verb == b"QUIT":
                    return

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    with _running(server, received):
        yield received


@contextmanager
def _running(server: socketserver.BaseServer, received: Received) -> Iterator[None]:
    received.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()
