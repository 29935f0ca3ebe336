"""A gateway says how it is, works without Redis, and stops when it is told to."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

import httpx2
import psycopg
import pytest
from django.conf import settings
from django.db import connection, transaction

from agents.models import Agent, Session
from executors import wakeups
from executors.models import Pulse, Tick
from k8s4r import clock
from pools.models import Pool
from tests.builders import a_pool, a_task, a_tasks, an_agent, seconds, session_of, state_of
from tests.serving import AgentSide, Served, a_persons_token, an_agents_token, served
from tests.waiting import wait_until

NOBODY_LISTENS = "redis://127.0.0.1:1/0"


@pytest.fixture
def moment(transactional_db: None) -> datetime:
    return clock.now()


@pytest.fixture
def agent(moment: datetime) -> Agent:
    return an_agent(now=moment, capabilities={"drivers": ["noop"]})


@pytest.fixture
def pool(agent: Agent) -> Pool:
    return a_pool(agent)


@pytest.fixture
def side(gateway: Served, agent: Agent) -> Iterator[AgentSide]:
    with gateway.client(an_agents_token(agent)) as client:
        yield AgentSide(client, agent.pk, session_id=session_of(agent).pk)


@pytest.fixture
def deaf_gateway(transactional_db: None, settings: Any) -> Iterator[Served]:
    """Return a gateway whose Redis is away."""
    settings.REDIS_URL = NOBODY_LISTENS
    wakeups.close()
    with served() as serving:
        yield serving


def test_a_gateway_is_alive_and_ready(gateway: Served) -> None:
    wait_until(lambda: gateway.gateway.subscriber.connected)
    with gateway.client() as client:
        assert client.get("/healthz").json() == {"status": "ok"}
        ready = client.get("/readyz")
        head = client.head("/readyz")
    assert (ready.status_code, ready.json()["status"]) == (200, "ok")
    assert (head.status_code, head.content) == (200, b"")


def test_without_redis_a_gateway_is_degraded_but_ready(deaf_gateway: Served) -> None:
    with deaf_gateway.client() as client:
        ready = client.get("/readyz")
    assert ready.status_code == 200
    assert ready.json() == {"status": "degraded", "checks": {"database": "ok", "redis": "away"}}


def test_metrics_count_what_is_in_the_database(
    gateway: Served, side: AgentSide, pool: Pool, moment: datetime
) -> None:
    a_tasks(pool, 3, now=moment, run_after=moment + seconds(86_400))
    side.beat()
    with gateway.client() as client:
        answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    lines = answer.text.splitlines()
    place = f'pool="{pool.name}",project="default"'
    assert f'k8s4r_tasks{{{place},state="pending"}} 3.0' in lines
    assert 'k8s4r_agents{desired="active",observed="online"} 1.0' in lines
    assert "k8s4r_slots 1.0" in lines
    assert "k8s4r_slots_used 0.0" in lines
    assert 'k8s4r_gateway_items_total{collector="heartbeats"} 1.0' in lines


def test_a_gateway_says_that_it_lives_and_runs_the_sweeps(gateway: Served) -> None:
    wait_until(lambda: Pulse.objects.filter(source="gateway").exists())
    wait_until(lambda: Tick.objects.filter(job="leases").exists())


def test_heartbeats_that_come_together_are_committed_together(
    gateway: Served, transactional_db: None, moment: datetime
) -> None:
    agents = [an_agent(now=moment) for _ in range(40)]
    sides = [
        AgentSide(gateway.client(an_agents_token(one)), one.pk, session_id=session_of(one).pk)
        for one in agents
    ]
    tally = gateway.gateway.calls.heartbeats.tally
    gate = threading.Event()
    # While the thread is busy with a first batch, all others arrive.
    gateway.gateway.calls.heartbeats._thread.submit(gate.wait, 60)
    beating = [threading.Thread(target=one.beat) for one in sides]
    for thread in beating:
        thread.start()
    try:
        # Taken by the first batch, or waiting for the next.
        wait_until(lambda: tally.items + gateway.gateway.calls.heartbeats.waiting == 40)
    finally:
        gate.set()
    for thread in beating:
        thread.join(20)
    assert tally.items == 40
    assert tally.batches <= 3
    assert Session.objects.filter(last_heartbeat_at__gt=moment).count() == 40


def test_a_task_submitted_without_redis_runs_at_once_in_the_same_process(
    deaf_gateway: Served, agent: Agent, pool: Pool, moment: datetime
) -> None:
    with deaf_gateway.client(an_agents_token(agent)) as client:
        side = AgentSide(client, agent.pk, session_id=session_of(agent).pk)
        orders: list[Any] = []
        claiming = threading.Thread(target=lambda: orders.extend(side.claim(wait_s=20).orders))
        claiming.start()
        wait_until(lambda: len(deaf_gateway.gateway.claims) == 1)
        with transaction.atomic():
            a_task(pool, now=moment)
            wakeups.tasks_waiting([pool.pk])
        claiming.join(20)
        assert len(orders) == 1
    assert deaf_gateway.gateway.passes.runner.tally.items >= 1, "a sweep found it, not the nudge"


def test_a_task_that_nobody_was_told_of_is_found_without_redis(
    deaf_gateway: Served, agent: Agent, pool: Pool, moment: datetime
) -> None:
    with deaf_gateway.client(an_agents_token(agent)) as client:
        side = AgentSide(client, agent.pk, session_id=session_of(agent).pk)
        orders: list[Any] = []
        claiming = threading.Thread(target=lambda: orders.extend(side.claim(wait_s=20).orders))
        claiming.start()
        a_task(pool, now=moment)
        claiming.join(20)
        assert len(orders) == 1


def test_news_of_another_process_wakes_a_claim_through_redis(
    gateway: Served, side: AgentSide, pool: Pool, moment: datetime
) -> None:
    wait_until(lambda: gateway.gateway.subscriber.connected)
    task = a_task(pool, now=moment, run_after=moment + seconds(86_400))
    orders: list[Any] = []
    claiming = threading.Thread(target=lambda: orders.extend(side.claim(wait_s=20).orders))
    claiming.start()
    wait_until(lambda: len(gateway.gateway.claims) == 1)
    code = (
        "import django; django.setup()\n"
        "from executors import wakeups\n"
        "from executors.models import Task\n"
        f"Task.objects.filter(pk='{task.pk}').update(run_after=None)\n"
        f"wakeups.tasks_waiting(['{pool.pk}']); wakeups.close()"
    )
    subprocess.run([sys.executable, "-c", code], env=_environment(), check=True, timeout=60)
    claiming.join(20)
    assert [order.task.id for order in orders] == [task.pk]


def test_a_database_that_is_away_is_503_with_a_time_to_come_back(
    gateway: Served, side: AgentSide
) -> None:
    side.beat()
    with _database_away():
        answer = side.post("heartbeat", {"sent_at": 1.0})
        with gateway.client() as client:
            ready = client.get("/readyz")
    assert answer.status_code == 503, answer.text
    assert int(answer.headers["retry-after"]) >= 1
    assert ready.status_code == 503
    assert side.beat().sent_at == side.sent_at


@contextmanager
def _database_away() -> Iterator[None]:
    """Let nobody into the test's database until the block ends."""
    name = connection.settings_dict["NAME"]
    facts = {**connection.get_connection_params(), "dbname": "postgres"}
    facts.pop("cursor_factory")
    facts.pop("context")
    with psycopg.connect(**facts, autocommit=True) as outside:
        outside.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        try:
            outside.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
            )
            yield
        finally:
            outside.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
    connection.close()


def _environment() -> dict[str, str]:
    """Return the environment for a process that works on this test's database."""
    facts = connection.settings_dict
    who = f"{quote(facts['USER'])}:{quote(facts['PASSWORD'])}"
    where = urlencode({"host": facts["HOST"], "port": facts["PORT"]})
    url = f"postgresql://{who}@/{quote(facts['NAME'])}?{where}"
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "k8s4r.settings",
        "K8S4R_DATABASE_URL": url,
        "K8S4R_REDIS_URL": settings.REDIS_URL,
        "K8S4R_SECRET_KEY": settings.SECRET_KEY,
        "K8S4R_TOKEN_PEPPER": settings.TOKEN_PEPPER,
        "K8S4R_ATTEMPT_KEY": settings.ATTEMPT_KEY,
    }


def test_a_server_that_is_told_to_stop_answers_held_claims_and_followers_and_ends(
    agent: Agent, pool: Pool, moment: datetime
) -> None:
    task = a_task(pool, now=moment, run_after=moment + seconds(86_400))
    token, person = an_agents_token(agent), a_persons_token()
    session = session_of(agent)
    answers: list[httpx2.Response] = []
    with _server_process() as (server, url):
        held = [
            threading.Thread(target=lambda: answers.append(_claim(url, token, session))),
            threading.Thread(target=lambda: answers.append(_follow(url, person, task.pk))),
        ]
        for thread in held:
            thread.start()
        wait_until(lambda: _holds(url))
        server.send_signal(signal.SIGTERM)
        server.wait(20)  # held requests would have lasted 25 s
        for thread in held:
            thread.join(10)
    assert [answer.status_code for answer in answers] == [200, 200]
    claims = [answer for answer in answers if answer.headers["content-type"] == "application/json"]
    assert "orders" not in claims[0].json()
    assert claims[0].headers["retry-after"] == "1"
    assert state_of(task) == "pending"


@contextmanager
def _server_process() -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """Run the real web process and say where it listens."""
    command = [sys.executable, "-m", "uvicorn", "k8s4r.asgi:application", "--port", "0"]
    server = subprocess.Popen(command, env=_environment(), stderr=subprocess.PIPE, text=True)
    assert server.stderr is not None
    try:
        yield server, _address(server)
    finally:
        server.kill()
        server.wait()
        server.stderr.close()


def _address(server: "subprocess.Popen[str]") -> str:
    assert server.stderr is not None
    for line in server.stderr:
        if "running on" in line:
            return line.split("running on ")[1].split()[0]
    raise AssertionError("the server did not start")


def _holds(url: str) -> bool:
    lines = httpx2.get(f"{url}/metrics").text.splitlines()
    return {"k8s4r_gateway_claims_held 1.0", "k8s4r_gateway_followers 1.0"} <= set(lines)


def _claim(url: str, token: str, session: Session) -> httpx2.Response:
    return httpx2.post(
        f"{url}/api/v1/agents/{session.agent_id}/claims",
        json={"session": str(session.pk), "free": 1, "wait_s": 25},
        headers={"Authorization": f"Bearer {token}"},
        timeout=40,
    )


def _follow(url: str, token: str, task_id: object) -> httpx2.Response:
    return httpx2.get(
        f"{url}/api/v1/tasks/{task_id}/logs?follow=1",
        headers={"Authorization": f"Bearer {token}"},
        timeout=40,
    )
