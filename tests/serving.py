"""A real gateway for tests: uvicorn on a free port, in a thread, on the test's database."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeVar, cast
from uuid import UUID, uuid4

import httpx2
import msgspec
import uvicorn
from a2wsgi import WSGIMiddleware
from django.core.wsgi import get_wsgi_application
from django.db import connections

from agents.models import Agent
from agents.wire.messages import (
    Claim,
    Claimed,
    Heartbeat,
    HeartbeatAnswer,
    Message,
    OpenSession,
    Outcome,
    Report,
    Reports,
    ReportsAnswer,
    SessionOpened,
)
from executors.gateway import application
from executors.gateway.station import Gateway
from k8s4r import clock
from k8s4r.access.models import TokenKind
from k8s4r.access.services import tokens
from k8s4r.access.services.tokens import Terms
from tests.builders import a_project, an_admin
from tests.waiting import wait_until

Answer = TypeVar("Answer")
DJANGO_THREADS = 4


@dataclass(slots=True)
class Served:
    """A running gateway and where it is."""

    url: str
    gateway: Gateway
    loop: asyncio.AbstractEventLoop

    def client(self, token: str = "", *, timeout_s: float = 30.0) -> httpx2.Client:
        """Return a client with this bearer token."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx2.Client(base_url=self.url, headers=headers, timeout=timeout_s)

    def inside(self, ask: Callable[[], Answer]) -> Answer:
        """Return what it answers when asked in the gateway's own thread."""

        async def asked() -> Answer:
            return ask()

        return asyncio.run_coroutine_threadsafe(asked(), self.loop).result(10)


@contextmanager
def served(port: int = 0) -> Iterator[Served]:
    """Serve until the block ends, on any free port unless one is given.

    Held claims and followed logs are answered at the end.
    """
    gateway = Gateway(random=Random(1))
    django = WSGIMiddleware(get_wsgi_application(), workers=DJANGO_THREADS)
    app = application.build(gateway, behind=cast("Any", django))
    config = uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error", ws="none")
    server = uvicorn.Server(config)
    running: list[asyncio.AbstractEventLoop] = []

    async def serve() -> None:
        running.append(asyncio.get_running_loop())
        await server.serve()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="served")
    thread.start()
    try:
        wait_until(lambda: server.started or not thread.is_alive())
        assert server.started, "the gateway did not start"
        bound = server.servers[0].sockets[0].getsockname()[1]
        yield Served(f"http://127.0.0.1:{bound}", gateway, running[0])
    finally:
        server.should_exit = True
        if thread.is_alive():
            running[0].call_soon_threadsafe(gateway.release)
        thread.join(20)
        assert not thread.is_alive(), "the gateway did not stop"
        _end(django)


def _end(django: WSGIMiddleware) -> None:
    """End Django's threads; the test's database has to be free of their connections."""
    together = threading.Barrier(DJANGO_THREADS)

    def leave() -> None:
        together.wait(10)  # so that each thread takes one
        connections.close_all()

    for _ in range(DJANGO_THREADS):
        django.executor.submit(leave)
    django.executor.shutdown()


def a_token(kind: TokenKind, **terms: Any) -> str:
    """Return the text of a new token that does not expire."""
    return tokens.mint(kind, Terms(lifetime=None, **terms), now=clock.now()).text


def a_persons_token(name: str = "alice") -> str:
    """Return a token of this user, who sees every project."""
    return a_token(TokenKind.PERSON, user=an_admin(name))


def an_agents_token(agent: Agent) -> str:
    """Return a token of this agent."""
    return a_token(TokenKind.AGENT, subject=agent.pk, project=agent.project)


def an_enrolment_token(**terms: Any) -> str:
    """Return a token with which agents can register in the default project."""
    return a_token(TokenKind.ENROLMENT, project=a_project(), **terms)


@dataclass(slots=True)
class AgentSide:
    """What an agent's link does, in one thread: it speaks by messages."""

    client: httpx2.Client
    agent_id: UUID
    session_id: UUID = field(default_factory=uuid4)
    sent_at: float = 1000.0

    def post(self, path: str, message: Message | dict[str, Any] | bytes) -> httpx2.Response:
        """Send a message to one of the agent's paths and return whatever comes."""
        content = message if isinstance(message, bytes) else msgspec.json.encode(message)
        return self.client.post(
            f"/api/v1/agents/{self.agent_id}/{path}",
            content=content,
            headers={"Content-Type": "application/json"},
        )

    def open(self, *, slots: int = 1, **fields: Any) -> SessionOpened:
        """Open the session."""
        message = OpenSession(
            session=self.session_id,
            boot_id="boot",
            sent_at=self.sent_at,
            slots=slots,
            drivers=["exec", "noop"],
            **fields,
        )
        return _answer(self.post("session", message), SessionOpened)

    def beat(self, **fields: Any) -> HeartbeatAnswer:
        """Send a heartbeat."""
        message = Heartbeat(session=self.session_id, sent_at=self.sent_at, **fields)
        return _answer(self.post("heartbeat", message), HeartbeatAnswer)

    def claim(self, *, wait_s: float = 0.0, **fields: Any) -> Claimed:
        """Ask for orders."""
        message = Claim(session=self.session_id, free=1, wait_s=wait_s, **fields)
        return _answer(self.post("claims", message), Claimed)

    def report(self, *items: Report) -> list[Outcome]:
        """Report and return the outcome of each item."""
        message = Reports(session=self.session_id, sent_at=self.sent_at, items=list(items))
        return _answer(self.post("reports", message), ReportsAnswer).results


def _answer(response: httpx2.Response, kind: type[Answer]) -> Answer:
    assert response.status_code in {200, 201}, response.text
    return msgspec.json.decode(response.content, type=kind)
