"""People's requests come through the gateway to Django: whole, or not at all."""

import asyncio
import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import httpx2
import pytest

from executors.gateway.behind import LIMIT_BYTES, WholeBodies
from executors.gateway.bodies import Bodies
from executors.models import Task
from tests.builders import a_pool
from tests.serving import Served, a_persons_token

NOOP = b'{"driver": "noop"}'
# More than the threads that Django has in tests.
MANY = 6


@pytest.fixture
def person(gateway: Served) -> Iterator[httpx2.Client]:
    a_pool(name="default")
    with gateway.client(a_persons_token()) as client:
        yield client


def _begun(gateway: Served, token: str) -> socket.socket:
    """Return a connection that promised a body and sends none of it."""
    host, port = gateway.url.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)), timeout=10)
    connection.sendall(
        f"POST /api/v1/tasks HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(NOOP)}\r\n\r\n".encode()
    )
    return connection


def test_a_task_is_submitted_and_read_through_the_gateway(person: httpx2.Client) -> None:
    made = person.post("/api/v1/tasks", json={"driver": "noop"})
    assert made.status_code == 201
    assert person.get(made.headers["location"]).json()["state"] == "pending"


def test_a_body_in_chunks_is_taken_whole(person: httpx2.Client) -> None:
    answer = person.post(
        "/api/v1/tasks",
        content=iter([NOOP[:5], NOOP[5:]]),
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 201
    assert Task.objects.count() == 1


@pytest.mark.parametrize("chunked", [True, False])
def test_a_body_over_the_limit_is_413(person: httpx2.Client, chunked: bool) -> None:
    body = b" " * (LIMIT_BYTES + 1)
    answer = person.post(
        "/api/v1/tasks",
        content=iter([body]) if chunked else body,
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 413
    assert answer.json()["code"] == "too_large"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert not Task.objects.exists()


def test_clients_that_send_no_body_keep_nobody_out(gateway: Served, person: httpx2.Client) -> None:
    token = person.headers["authorization"].split()[1]
    with ExitStack() as stack:
        slow = [stack.enter_context(_begun(gateway, token)) for _ in range(MANY)]
        assert person.post("/api/v1/tasks", json={"driver": "noop"}).status_code == 201
        for connection in slow:
            connection.sendall(NOOP)
        assert all(connection.recv(12) == b"HTTP/1.1 201" for connection in slow)
    assert Task.objects.count() == MANY + 1


def test_a_body_that_does_not_come_in_time_is_408_and_reaches_nobody() -> None:
    sent: list[dict[str, object]] = []
    reached: list[str] = []

    async def never() -> dict[str, object]:
        return await asyncio.get_running_loop().create_future()

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    async def behind(scope: dict[str, object], receive: object, send: object) -> None:
        reached.append(str(scope["path"]))

    scope = {"type": "http", "method": "POST", "path": "/api/v1/tasks", "headers": []}
    asyncio.run(WholeBodies(behind, Bodies(patience_s=0.05))(scope, never, send))
    assert sent[0]["status"] == 408
    assert json.loads(str(sent[1]["body"], "utf-8"))["code"] == "too_slow"  # type: ignore[arg-type,call-overload]
    assert reached == []
