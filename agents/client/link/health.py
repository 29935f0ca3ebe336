"""Is this agent alive and able to work? For whoever probes the machine, on an address of its own.

``/healthz``: the link lives. ``/readyz``: the session is open and the server was heard lately.
``/metrics``: the same numbers for Prometheus.
"""

import contextlib
import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from agents.client.clock import Clock
from agents.client.link.vocabulary import Stage

logger = logging.getLogger(__name__)

FRESH_S: Final = 30.0
BIND_AGAIN_S: Final = 5.0
LOOK_UP_S: Final = 0.5


@dataclass(slots=True)
class Vitals:
    """Numbers that the link keeps up to date; read from another thread, each on its own."""

    stage: Stage = Stage.NEW
    heard_at: float | None = None
    held: int = 0
    free: int = 0
    reports: int = 0
    failures: int = 0
    last_failure: str = ""


def is_ready(vitals: Vitals, *, now: float) -> bool:
    """Is the session open, and was the server heard lately?"""
    fresh = vitals.heard_at is not None and now - vitals.heard_at < FRESH_S
    return vitals.stage is Stage.OPEN and fresh


def metrics(vitals: Vitals, *, now: float) -> str:
    """Return the numbers in the text format of Prometheus."""
    numbers = {
        "k8s4r_agent_ready": int(is_ready(vitals, now=now)),
        "k8s4r_agent_attempts_held": vitals.held,
        "k8s4r_agent_slots_free": vitals.free,
        "k8s4r_agent_reports_delivered_total": vitals.reports,
        "k8s4r_agent_calls_failed_total": vitals.failures,
    }
    return "".join(f"{name} {value}\n" for name, value in numbers.items())


@contextlib.contextmanager
def served(address: str | None, vitals: Vitals, clock: Clock) -> Iterator[None]:
    """Answer probes on ``host:port`` while the block runs; without an address do nothing."""
    if address is None:
        yield
        return
    over = threading.Event()
    arguments = (address, _handler(vitals, clock), over)
    threading.Thread(target=_serve, args=arguments, name="health", daemon=True).start()
    try:
        yield
    finally:
        over.set()


def _serve(address: str, handler: type[BaseHTTPRequestHandler], over: threading.Event) -> None:
    """Serve until ``over``; while another process has the address, try again."""
    host, _, port = address.rpartition(":")
    while not over.is_set():
        try:
            server = ThreadingHTTPServer((host or "127.0.0.1", int(port)), handler)
        except OSError as error:
            logger.warning("health_not_served", extra={"address": address, "detail": str(error)})
            over.wait(BIND_AGAIN_S)
            continue
        with server:
            server.timeout = LOOK_UP_S
            while not over.is_set():
                server.handle_request()


def _handler(vitals: Vitals, clock: Clock) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            now = clock.now()
            if self.path == "/healthz":
                self._answer(200, f"{vitals.stage}\n")
            elif self.path == "/readyz":
                ready = is_ready(vitals, now=now)
                self._answer(200 if ready else 503, f"{vitals.stage} {vitals.last_failure}\n")
            elif self.path == "/metrics":
                self._answer(200, metrics(vitals, now=now))
            else:
                self._answer(404, "not found\n")

        def log_message(self, format: str, *args: Any) -> None:
            """Probes are no news."""

        def _answer(self, status: int, text: str) -> None:
            body = text.encode()
            self.send_response(status)
            self.send_header("content-type", "text/plain; charset=utf-8")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler
