"""Bad input against every call of agents, and what comes badly over the wire against every call."""

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest

from agents.models import Agent
from agents.wire.proofs import task_token
from executors.gateway import routes
from k8s4r import clock, urls
from k8s4r.access.models import TokenKind
from k8s4r.access.principals import PrincipalKind
from k8s4r.api.calls import Served as Call
from k8s4r.api.calls import of_django
from tests.api.everything import stored
from tests.api.test_bad_input import BODIES
from tests.builders import an_admin, an_agent
from tests.serving import Served, a_token, an_agents_token, an_enrolment_token

OF_AGENTS = [
    call for call in routes.served() if call.said.caller not in {None, PrincipalKind.PERSON}
]
WITH_JSON = [call for call in OF_AGENTS if call.method == "POST"]
WRITING = [
    call
    for call in (*of_django(urls.urlpatterns), *OF_AGENTS)
    if call.method not in {"GET", "HEAD"}
]
NAME = "{0.method} {0.path}".format


@pytest.fixture
def agent(transactional_db: None) -> Agent:
    return an_agent(now=clock.now())


@pytest.fixture
def proofs(agent: Agent) -> dict[PrincipalKind | None, str]:
    return {
        PrincipalKind.AGENT: an_agents_token(agent),
        PrincipalKind.ENROLMENT: an_enrolment_token(),
        PrincipalKind.POD: "jwt.of.nobody",
        PrincipalKind.TASK: task_token("att_of_nobody"),
        PrincipalKind.PERSON: a_token(TokenKind.PERSON, user=an_admin("chief")),
    }


def path_of(call: Call, agent: Agent) -> str:
    """Return the path with the agent's id where one is needed, and ids of nothing elsewhere."""
    path = call.path.replace("{agent_id}", str(agent.pk))
    return re.sub(r"\{\w+\}", lambda _: str(uuid4()), path)


@contextmanager
def sent(gateway: Served, head: str, body: bytes) -> Iterator[socket.socket]:
    """Send a request as it stands, and give the connection."""
    host, port = gateway.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=15) as connection:
        connection.sendall(f"{head}\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode() + body)
        yield connection


def status(connection: socket.socket) -> str:
    """Return the status of the answer, empty when the server closed without one."""
    words = connection.makefile("rb").readline().decode().split()
    return words[1] if words else ""


def status_when_cut(gateway: Served, head: str, body: bytes) -> str:
    """Send a request, end it there, and return the status of the answer."""
    with sent(gateway, head, body) as connection:
        connection.shutdown(socket.SHUT_WR)
        return status(connection)


@pytest.mark.parametrize("call", WITH_JSON, ids=NAME)
def test_a_message_that_cannot_be_read_changes_nothing(
    gateway: Served, agent: Agent, proofs: dict[PrincipalKind | None, str], call: Call
) -> None:
    path = path_of(call, agent)
    with gateway.client(proofs[call.said.caller]) as client:
        headers = {"Content-Type": "application/json"}
        client.post(path, content=b"{}", headers=headers)  # its token is used from now on
        before = stored()
        for name, (body, status, rule) in BODIES.items():
            answer = client.post(path, content=body, headers=headers)
            assert answer.status_code == status, (name, answer.text)
            assert answer.headers["content-type"] == "application/problem+json"
            assert [each["rule"] for each in answer.json()["errors"]] == [rule], name
    assert stored() == before


def test_a_body_that_is_said_to_be_endless_is_refused_before_it_comes(
    gateway: Served, agent: Agent, proofs: dict[PrincipalKind | None, str]
) -> None:
    before = stored()
    found = {}
    for call in WRITING:
        head = _head(call, agent, proofs) + "\r\nContent-Length: 99999999999"
        with sent(gateway, head, b"{") as connection:
            found[NAME(call)] = status(connection)
    assert set(found.values()) == {"413"}, found
    assert len(found) > 30
    assert stored() == before


def test_a_body_that_ends_too_soon_changes_nothing(
    gateway: Served, agent: Agent, proofs: dict[PrincipalKind | None, str]
) -> None:
    before = stored()
    for call in WRITING:
        head = _head(call, agent, proofs) + "\r\nContent-Length: 5000"
        assert status_when_cut(gateway, head, b'{"name": "x"}') in {"", "400"}, NAME(call)
    assert stored() == before


def test_chunks_that_are_none_change_nothing(
    gateway: Served, agent: Agent, proofs: dict[PrincipalKind | None, str]
) -> None:
    before = stored()
    for call in WRITING:
        head = _head(call, agent, proofs) + "\r\nTransfer-Encoding: chunked"
        chunks = b"zz\r\nno length\r\n0\r\n\r\n"
        assert status_when_cut(gateway, head, chunks) in {"", "400"}, NAME(call)
    assert stored() == before


def _head(call: Call, agent: Agent, proofs: dict[PrincipalKind | None, str]) -> str:
    return (
        f"{call.method} {path_of(call, agent)} HTTP/1.1\r\n"
        f"Authorization: Bearer {proofs[call.said.caller]}\r\n"
        f"Content-Type: application/json\r\n"
        f"X-Content-SHA256: {'0' * 64}\r\nX-Attempt-Token: att_x"
    )
