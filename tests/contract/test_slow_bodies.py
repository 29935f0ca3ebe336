"""Every call with a body: too slow is 408, too large 413, of a false length 400; nobody waits."""

import json
import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from http.client import HTTPResponse
from typing import Any, Final, NamedTuple
from uuid import uuid4

import orjson
import pytest

from tests.architecture import openapi
from tests.builders import a_pool
from tests.serving import Served, a_persons_token, served

WITH_BODY: Final = ("delete", "patch", "post", "put")
PATHS: Final = orjson.loads(openapi.FILE.read_bytes())["paths"]
CALLS: Final = [
    (method.upper(), path) for path in PATHS for method in PATHS[path] if method in WITH_BODY
] + [("POST", "/admin/login/")]
# More than anything takes, 64 MiB.
TOO_MUCH: Final = 65 * 1024 * 1024


@pytest.fixture
def impatient(transactional_db: None, settings: Any) -> Iterator[Served]:
    """Return a gateway that waits for no body."""
    settings.ENV = settings.ENV.model_copy(
        update={"body_patience_s": 0.05, "artifact_patience_s": 0.05}
    )
    with served() as serving:
        yield serving


def opened(at: Served, call: tuple[str, str], *headers: str, body: bytes = b"") -> socket.socket:
    """Return a connection on which a call has begun."""
    method, path = call
    host, port = at.url.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)), timeout=60)
    lines = [
        f"{method} {re.sub(r'{[^}]+}', str(uuid4()), path)} HTTP/1.1",
        f"Host: {host}",
        "Authorization: Bearer agt_nobody",
        "Content-Type: application/json",
        f"X-Content-SHA256: {'0' * 64}",
        *headers,
    ]
    connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)
    return connection


class Answer(NamedTuple):
    status: int
    content: bytes
    closes: bool


def answered(connection: socket.socket) -> Answer:
    """Return the answer, read by its own length."""
    with connection, HTTPResponse(connection) as response:
        response.begin()
        return Answer(response.status, response.read(), response.will_close)


def answers(at: Served, *headers: str, body: bytes = b"") -> dict[tuple[str, str], Answer]:
    """Make every call at once, and return how each was answered."""
    begun = {call: opened(at, call, *headers, body=body) for call in CALLS}
    return {call: answered(connection) for call, connection in begun.items()}


@pytest.mark.parametrize(
    ("header", "body"),
    [("Content-Length: 10", b""), ("Content-Length: 10", b'{"a": '),
     ("Transfer-Encoding: chunked", b""), ("Transfer-Encoding: chunked", b"1\r\n{\r\n")],
    ids=["nothing of it", "half of it", "no chunk", "a chunk without an end"],
)  # fmt: skip
def test_a_body_that_does_not_come_is_408_at_every_call(
    impatient: Served, header: str, body: bytes
) -> None:
    found = answers(impatient, header, body=body)
    assert {call: one.status for call, one in found.items() if one.status != 408} == {}
    assert {json.loads(one.content)["code"] for one in found.values()} == {"too_slow"}
    assert [call for call, one in found.items() if not one.closes] == []


def test_a_body_that_says_that_it_is_too_large_is_413_at_every_call(impatient: Served) -> None:
    found = answers(impatient, f"Content-Length: {TOO_MUCH}")
    assert {call: one.status for call, one in found.items() if one.status != 413} == {}
    assert {json.loads(one.content)["code"] for one in found.values()} == {"too_large"}


@pytest.mark.parametrize(
    "headers",
    [("Content-Length: x",), ("Content-Length: -1",), ("Content-Length: 1e3",),
     ("Content-Length: 2", "Content-Length: 3"),
     ("Content-Length: 2", "Transfer-Encoding: chunked")],
)  # fmt: skip
def test_a_length_that_cannot_be_is_400_at_every_call(
    impatient: Served, headers: tuple[str, ...]
) -> None:
    found = answers(impatient, *headers, body=b"{}")
    assert {call: one.status for call, one in found.items() if one.status != 400} == {}


def test_bodies_that_do_not_come_keep_nobody_out(gateway: Served) -> None:
    a_pool(name="default")
    with ExitStack() as stack, gateway.client(a_persons_token()) as person:
        for call in CALLS:
            stack.enter_context(opened(gateway, call, "Content-Length: 10", body=b"{"))
        # One is taken by the gateway, the others by Django, which has fewer threads than that.
        assert person.post("/api/v1/tasks", json={"driver": "noop"}).status_code == 201
        assert person.post("/api/v1/projects", json={"name": "new"}).status_code == 201
        assert person.get("/api/v1/projects").status_code == 200
