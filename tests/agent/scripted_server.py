"""A server that says what a test tells it to, in the words of `agents.wire.messages`.

It keeps everything in memory, speaks real HTTP on a free loopback port and can go away and come
back on the same port. It holds agents to the protocol: sequences are dense, ends are last.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from agents.wire import messages as wire
from agents.wire.settings import Settings, Wanted
from tests.agent.vouching import Vouching
from tests.agent.words import Told, answer, bearer, healthy, make_order, problem
from tests.ports import held_port
from tests.waiting import wait_until

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Script:
    """What the server does; a test changes it at any time."""

    settings: Settings = field(default_factory=lambda: Settings(heartbeat_s=0.2, claim_wait_s=5.0))
    generation: int = 1
    token: str = "agt_first"
    enrolment_token: str = "enr_secret"
    rotate_to: str | None = None
    wanted: Wanted | None = None
    refuse: set[str] = field(default_factory=set)
    answer_instead: dict[str, Callable[[], Response | None]] = field(default_factory=dict)


class ScriptedServer:
    """One server for one test."""

    def __init__(self) -> None:
        self.script = Script()
        self.agent = uuid4()
        self.attempts: dict[UUID, Told] = {}
        self.stops: dict[UUID, wire.Stop] = {}
        self.sessions: list[wire.OpenSession] = []
        self.registrations: list[wire.Register] = []
        self.vouching = Vouching()
        self.heartbeats: list[wire.Heartbeat] = []
        self.claims: list[wire.Claim] = []
        self.tokens_seen: list[str] = []
        self.repeat_orders: set[UUID] = set()
        self.reject_reports_of: UUID | None = None
        self.lose_answer_to_reports: Callable[[], bool] = lambda: False
        self.calls = 0
        self.port = held_port()
        self._thread: threading.Thread | None = None
        self._server: uvicorn.Server | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._news: asyncio.Event | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        config = uvicorn.Config(
            self._app(),
            host="127.0.0.1",
            port=self.port,
            log_level="critical",
            timeout_graceful_shutdown=0,
            lifespan="off",
            access_log=False,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        wait_until(lambda: self._server is not None and self._server.started)

    def stop(self) -> None:
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._server.force_exit = True
            self._thread.join(timeout=20)
            assert not self._thread.is_alive()
        self._server = None

    def order(self, driver: str = "exec", **changes: Any) -> wire.Order:
        """Make an order and hand it out with the next claim; ``spec`` and ``task`` fields too."""
        order = make_order(driver, **changes)
        self.give(order)
        return order

    def give(self, *orders: wire.Order) -> None:
        for order in orders:
            self.attempts[order.attempt] = Told(order)
        self._tell_claims()

    def run(self, *argv: str, **changes: Any) -> wire.Order:
        spec = {"argv": list(argv), **changes.pop("spec", {})}
        return self.order("exec", spec=spec, **changes)

    def shell(self, script: str, **changes: Any) -> wire.Order:
        return self.run("/bin/sh", "-c", script, **changes)

    def ask_to_stop(self, order: wire.Order, reason: str = "cancel", **more: Any) -> None:
        self.stops[order.attempt] = wire.Stop(attempt=order.attempt, reason=reason, **more)
        self._tell_claims()

    def want(self, **settings: Any) -> None:
        """Change the settings of the agent, as a person would."""
        earlier = self.script.wanted
        version = 1 if earlier is None else earlier.version + 1
        self.script.wanted = Wanted(version=version, **settings)
        self._tell_claims()

    def end_of(self, order: wire.Order, *, timeout_s: float = 30.0) -> Any:
        told = self.attempts[order.attempt]
        return wait_until(lambda: told.end, timeout_s=timeout_s, every_s=0.01)

    def started(self, order: wire.Order) -> wire.Started:
        told = self.attempts[order.attempt]
        started: wire.Started = wait_until(lambda: told.started, every_s=0.01)
        return started

    def output(self, order: wire.Order, stream: str = "stdout") -> bytes:
        return self.attempts[order.attempt].output(stream)

    def waits_for_heartbeat(self, *, seconds: float, after: int) -> bool:
        """Say whether there were more heartbeats than ``after`` in time."""
        with contextlib.suppress(AssertionError):
            return wait_until(lambda: len(self.heartbeats) > after, timeout_s=seconds)
        return False

    def _serve(self) -> None:
        assert self._server is not None
        with asyncio.Runner() as runner:
            self._loop, self._news = runner.get_loop(), asyncio.Event()
            runner.run(self._server.serve())

    def _tell_claims(self) -> None:
        loop, news = self._loop, self._news
        if loop is not None and news is not None and not loop.is_closed():
            loop.call_soon_threadsafe(news.set)

    def _app(self) -> Starlette:
        agent = f"/api/v1/agents/{self.agent}"
        return Starlette(
            routes=[
                Route("/healthz", healthy),
                Route("/api/v1/agents/register", self._register, methods=["POST"]),
                Route("/api/v1/agents/pods", self._vouch, methods=["POST"]),
                Route(f"{agent}/session", self._session, methods=["POST"]),
                Route(f"{agent}/heartbeat", self._heartbeat, methods=["POST"]),
                Route(f"{agent}/claims", self._claim, methods=["POST"]),
                Route(f"{agent}/reports", self._report, methods=["POST"]),
            ]
        )

    async def _register(self, request: Request) -> Response:
        if bearer(request) != self.script.enrolment_token:
            return problem(401, "token_refused")
        self.registrations.append(msgspec.json.decode(await request.body(), type=wire.Register))
        return answer(
            wire.Registered(
                id=self.agent, token=self.script.token, token_expires_at=EPOCH + timedelta(days=365)
            )
        )

    async def _vouch(self, request: Request) -> Response:
        return await self.vouching.answer(request, self.agent, self.script.token)

    async def _session(self, request: Request) -> Response:
        denied = self._denied(request, "session")
        if denied is not None:
            return denied
        message = msgspec.json.decode(await request.body(), type=wire.OpenSession)
        self.sessions.append(message)
        return answer(
            wire.SessionOpened(
                server_time=datetime.now(UTC),
                settings=self.script.settings,
                adopted=[held.attempt for held in message.held],
                directives=self._directives((), message.settings_version),
                generation=self.script.generation,
            )
        )

    async def _heartbeat(self, request: Request) -> Response:
        denied = self._denied(request, "heartbeat")
        if denied is not None:
            return denied
        message = msgspec.json.decode(await request.body(), type=wire.Heartbeat)
        self.heartbeats.append(message)
        token, self.script.rotate_to = self.script.rotate_to, None
        if token is not None:
            self.script.token = token
        return answer(
            wire.HeartbeatAnswer(
                server_time=datetime.now(UTC),
                sent_at=message.sent_at,
                token=token,
                directives=wire.Directives(wanted=self._wanted(message.settings_version)),
            )
        )

    async def _claim(self, request: Request) -> Response:
        denied = self._denied(request, "claims")
        if denied is not None:
            return denied
        message = msgspec.json.decode(await request.body(), type=wire.Claim)
        self.claims.append(message)
        found = self._for_claim(message)
        if not found.orders and not found.directives.stop:
            assert self._news is not None
            self._news.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), message.wait_s)
            found = self._for_claim(message)
        return answer(found)

    async def _report(self, request: Request) -> Response:
        denied = self._denied(request, "reports")
        if denied is not None:
            return denied
        message = msgspec.json.decode(await request.body(), type=wire.Reports)
        if any(item.attempt == self.reject_reports_of for item in message.items):
            return problem(422, "rejected")
        results = [self._take(item) for item in message.items]
        if self.lose_answer_to_reports():
            return problem(502, "bad_gateway")
        return answer(wire.ReportsAnswer(results=results))

    def _take(self, item: wire.Report) -> wire.Outcome:
        told = self.attempts.get(item.attempt)
        if told is None or told.order.token != item.token:
            return wire.Outcome(attempt=item.attempt, seq=item.seq, status="superseded")
        told.heard.append(item)
        expected = len(told.reports) + 1
        if item.seq < expected:
            return wire.Outcome(attempt=item.attempt, seq=item.seq, status="duplicate")
        if item.seq > expected:
            return wire.Outcome(attempt=item.attempt, seq=item.seq, status="gap", expected=expected)
        assert told.end is None, f"{item} came after the end"
        told.reports.append(item)
        return wire.Outcome(attempt=item.attempt, seq=item.seq, status="ok")

    def _for_claim(self, claim: wire.Claim) -> wire.Claimed:
        held = {*claim.held}
        orders = [
            told.order
            for told in list(self.attempts.values())
            if told.order.attempt in self.repeat_orders
            or (told.order.attempt not in held and told.end is None)
        ]
        self.repeat_orders.clear()
        return wire.Claimed(
            orders=orders[:100], directives=self._directives(claim.stopping, claim.settings_version)
        )

    def _wanted(self, applied: int) -> Wanted | None:
        wanted = self.script.wanted
        return None if wanted is None or wanted.version == applied else wanted

    def _directives(
        self, stopping: "tuple[()] | list[UUID]", settings_version: int
    ) -> wire.Directives:
        wanted = [
            stop
            for attempt, stop in self.stops.items()
            if attempt not in stopping
            and attempt in self.attempts
            and self.attempts[attempt].end is None
        ]
        return wire.Directives(stop=wanted, wanted=self._wanted(settings_version))

    def _denied(self, request: Request, verb: str) -> Response | None:
        self.calls += 1
        token = bearer(request)
        self.tokens_seen.append(token)
        instead = self.script.answer_instead.get(verb)
        response = None if instead is None else instead()
        if response is not None:
            return response
        if token != self.script.token or verb in self.script.refuse:
            return problem(401, "token_refused")
        return None
