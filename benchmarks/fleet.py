"""How many heartbeats a second does one core of a gateway take, and how much memory 10,000 claims?

Ten thousand agents, each with its own token and session, in rounds ten seconds apart, as real ones
beat: no token is remembered from the round before. Each answer comes after its commit, with fsync.
Both sides are counted in processor time of their process. The peer is a bare Starlette route.
"""

import asyncio
import contextlib
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import httpx2
import psutil
import uvloop

from benchmarks import swarm
from benchmarks.machine import Figure, note, quantile, report
from benchmarks.memory import size_of
from k8s4r.embedded import postgres, redis
from tests.ports import held_port
from tests.waiting import wait_until

AGENTS = 10_000
CONNECTIONS = 1_000
ROUNDS = 3
PERIOD_S = 10.0
CLAIM_WAIT_S = 25


@dataclass(frozen=True, slots=True)
class Simulated:
    """An agent that exists in the database only."""

    id: UUID
    session: UUID
    token: str


def enrolled(count: int) -> list[Simulated]:
    """Put agents, sessions and tokens into the database, as if they had registered."""
    # Django reads the settings that `parts` made.
    import django  # noqa: PLC0415

    django.setup()
    from django.conf import settings  # noqa: PLC0415
    from django.core.management import call_command  # noqa: PLC0415

    from agents.models import Agent, Session  # noqa: PLC0415
    from k8s4r import clock  # noqa: PLC0415
    from k8s4r.access.models import Project, Token  # noqa: PLC0415
    from k8s4r.core import ids  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    now = clock.now()
    project = Project.objects.create(name="bench", created_at=now)
    made, agents, sessions, tokens = [], [], [], []
    for number in range(count):
        key_id, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
        text = ids.make_token(ids.TokenKind.AGENT, key_id, secret)
        one = Simulated(clock.new_id(), uuid4(), text)
        made.append(one)
        times = {"created_at": now, "changed_at": now}
        agents.append(
            Agent(id=one.id, project=project, name=f"a{number}", observed="online", **times)
        )
        sessions.append(
            Session(id=one.session, agent_id=one.id, opened_at=now, last_heartbeat_at=now)
        )
        digest = ids.digest(settings.TOKEN_PEPPER.encode(), secret)
        tokens.append(
            Token(
                kind="agt",
                key_id=key_id,
                digest=digest,
                subject=one.id,
                created_at=now,
                project=project,
                used_at=now,
            )
        )
    for rows in (agents, sessions, tokens):
        type(rows[0]).objects.bulk_create(rows, batch_size=1000)
    return made


@contextmanager
def parts() -> Iterator[None]:
    """Run PostgreSQL, with fsync, and Redis; the settings of this process point at them."""
    with tempfile.TemporaryDirectory(prefix="k8s4r-bench-") as folder:
        root = Path(folder)
        with (
            contextlib.closing(_Stopping(postgres.start(root / "postgres"))) as database,
            contextlib.closing(_Stopping(redis.start(root / "redis"))) as hints,
        ):
            os.environ |= {
                "DJANGO_SETTINGS_MODULE": "k8s4r.settings",
                "K8S4R_HOME": str(root / "home"),
                "K8S4R_DATABASE_URL": database.part.url,
                "K8S4R_REDIS_URL": hints.part.url,
                "K8S4R_SECRET_KEY": secrets.token_hex(32),
                "K8S4R_LOG_LEVEL": "WARNING",
            }
            yield


class _Stopping:
    def __init__(self, part: postgres.PostgresServer) -> None:
        self.part = part

    def close(self) -> None:
        self.part.stop()


@contextmanager
def server(application: str) -> Iterator[tuple[psutil.Process, int]]:
    """Run one server process and yield it with its port."""
    port = held_port()
    command = [
        sys.executable, "-m", "uvicorn", application, "--port", str(port), "--loop", "uvloop",
        "--http", "httptools", "--no-access-log", "--log-level", "warning", "--backlog", "4096",
    ]  # fmt: skip
    process = subprocess.Popen(command)
    try:
        wait_until(lambda: _answers(port))
        yield psutil.Process(process.pid), port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _answers(port: int) -> bool:
    try:
        return bool(httpx2.get(f"http://127.0.0.1:{port}/healthz").status_code)
    except httpx2.TransportError:
        return False


def heartbeats(
    process: psutil.Process, port: int, agents: list[Simulated]
) -> tuple[float, list[float]]:
    """Return heartbeats per second of the process's own time, and how long each answer took."""
    requests = [
        swarm.post(
            f"/api/v1/agents/{one.id}/heartbeat",
            one.token,
            b'{"session":"%s","sent_at":12345.678}' % str(one.session).encode(),
        )
        for one in agents
    ]
    scripts = [requests[start::CONNECTIONS] for start in range(CONNECTIONS)]
    spent, seconds, began = 0.0, [], time.monotonic()
    for number in range(ROUNDS):
        threading.Event().wait(max(0.0, began + number * PERIOD_S - time.monotonic()))
        before = _processor_s(process)
        tally = uvloop.run(swarm.play(port, scripts))
        spent += _processor_s(process) - before
        assert not tally.failures, f"{tally.failures} heartbeats were not answered"
        seconds += tally.seconds
        note(f"round of {len(agents)}: p99 {quantile(tally.seconds, 0.99):.3f} s")
    return len(seconds) / spent, seconds


def _processor_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def memory_of_claims(
    process: psutil.Process, port: int, agents: list[Simulated]
) -> tuple[float, float]:
    """Return the process's size before and while every agent's claim waits, in MiB."""
    before = size_of([process.pid]).pss_mb
    scripts = [
        [
            swarm.post(
                f"/api/v1/agents/{one.id}/claims",
                one.token,
                b'{"session":"%s","free":1,"wait_s":%d}'
                % (str(one.session).encode(), CLAIM_WAIT_S),
            )
        ]
        for one in agents
    ]

    async def hold() -> float:
        tally = swarm.Tally()
        connections = await swarm.open_all(port, scripts, tally)
        held, deadline = 0, time.monotonic() + CLAIM_WAIT_S - 5
        while held < len(agents) and time.monotonic() < deadline:
            held = await asyncio.to_thread(_claims_held, port)
        assert held == len(agents), f"only {held} claims are held"
        size = size_of([process.pid]).pss_mb
        await asyncio.gather(*(connection.done for connection in connections))
        assert not tally.failures, f"{tally.failures} claims were not answered"
        return size

    return before, uvloop.run(hold())


def _claims_held(port: int) -> int:
    text = httpx2.get(f"http://127.0.0.1:{port}/metrics", timeout=10).text
    name = "k8s4r_gateway_claims_held "
    return int(
        float(next(line for line in text.splitlines() if line.startswith(name))[len(name) :])
    )


def main() -> None:
    """Measure heartbeats beside the peer, then the memory of held claims."""
    with parts():
        agents = enrolled(AGENTS)
        note(f"{AGENTS} agents")
        with server("k8s4r.asgi:application") as (process, port):
            ours, seconds = heartbeats(process, port, agents)
            before, held = memory_of_claims(process, port, agents)
        with server("benchmarks.bare:application") as (process, port):
            peer, _ = heartbeats(process, port, agents)
    detail = {
        "agents": AGENTS,
        "connections": CONNECTIONS,
        "answer_p50_s": round(quantile(seconds, 0.5), 3),
        "answer_p99_s": round(quantile(seconds, 0.99), 3),
        "answer_max_s": round(max(seconds), 3),
        "claims_held": AGENTS,
        "memory_before_claims_mib": round(before, 1),
        "memory_with_claims_mib": round(held, 1),
    }
    goal = ">= 5000/s per core, durable within 1 s; <= 400 MiB with 10,000 claims"
    report(Figure("fleet", ours, peer, "heartbeats/s per core", goal=goal, detail=detail))


if __name__ == "__main__":
    main()
