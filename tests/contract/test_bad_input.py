"""What cannot be meant is refused by field and rule, and nothing has changed."""

import base64
import json
import socket
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from agents.models import Agent, Session
from executors.models import Attempt, Evidence, LogChunk
from k8s4r import clock
from tests.builders import a_pool, a_running_attempt, an_agent, session_of
from tests.services.agentside import token_of
from tests.serving import AgentSide, Served, an_agents_token

JSON = {"Content-Type": "application/json"}
DEEP = b"[" * 100_000 + b"]" * 100_000


@pytest.fixture
def agent(transactional_db: None) -> Agent:
    return an_agent(now=clock.now())


@pytest.fixture
def attempt(agent: Agent) -> Attempt:
    return a_running_attempt(a_pool(agent), agent, now=clock.now())


@pytest.fixture
def side(gateway: Served, agent: Agent) -> Iterator[AgentSide]:
    with gateway.client(an_agents_token(agent)) as client:
        yield AgentSide(client, agent.pk, session_id=session_of(agent).pk)


def heartbeat(**fields: Any) -> dict[str, Any]:
    return {"sent_at": 1.0, **fields}


def _refused(answer: httpx2.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-api-version"] == "v1"
    problem: dict[str, Any] = answer.json()
    assert problem["code"]
    assert problem["status"] == status
    assert problem["request_id"] == answer.headers["x-request-id"]
    return problem


UNREADABLE = {
    "empty": b"",
    "not JSON": b"hello",
    "cut": b'{"sent_at": 1',
    "more behind": b'{"sent_at": 1} x',
    "100,000 deep": DEEP,
    "deep in an unknown field": b'{"sent_at": 1, "x": ' + DEEP + b"}",
    "deep in a known field": b'{"sent_at": 1, "device_info": {"x": ' + DEEP + b"}}",
    "doubled key": b'{"sent_at": 1, "sent_at": 2}',
    "NaN": b'{"sent_at": NaN}',
    "infinite": b'{"sent_at": 1e400}',
    "5,000 digits": b'{"sent_at": ' + b"1" * 5000 + b"}",
    "bare number": b"1",
    "a list": b"[]",
    "NUL": b'{"sent_at": 1, "error": "a\\u0000b"}',
    "raw NUL": b'{"sent_at": 1, "error": "a\x00b"}',
    "half a surrogate pair": b'{"sent_at": 1, "error": "\\ud800"}',
    "not UTF-8": b'{"sent_at": 1, "error": "\xff"}',
    "byte order mark": b"\xef\xbb\xbf" + b'{"sent_at": 1}',
    "UTF-16": '{"sent_at": 1}'.encode("utf-16"),
    "text for a number": b'{"sent_at": "1"}',
    "number for a text": b'{"sent_at": 1, "error": 1}',
    "list for an object": b'{"sent_at": 1, "device_info": []}',
}


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE)
def test_a_body_that_cannot_be_read_is_400_and_no_sign_of_life(
    side: AgentSide, agent: Agent, body: bytes
) -> None:
    before = session_of(agent).last_heartbeat_at
    _refused(side.post("heartbeat", body), 400)
    assert session_of(agent).last_heartbeat_at == before


@pytest.mark.parametrize(
    ("message", "pointer"),
    [
        (heartbeat(session="x"), "/session"),
        (heartbeat(sent_at=-1), "/sent_at"),
        (heartbeat(error="x" * 5000), "/error"),
    ],
)
def test_a_value_out_of_bounds_is_422_and_named(
    side: AgentSide, message: dict[str, Any], pointer: str
) -> None:
    problem = _refused(side.post("heartbeat", message), 422)
    assert [error["pointer"] for error in problem["errors"]] == [pointer]
    assert problem["errors"][0]["detail"]


def a_log(of: Attempt, **changes: Any) -> dict[str, Any]:
    item = {
        "kind": "log",
        "attempt": str(of.pk),
        "token": token_of(of),
        "seq": 1,
        "at": 1.0,
        "stream": "stdout",
        "data": base64.b64encode(b"x").decode(),
    }
    return {key: value for key, value in {**item, **changes}.items() if value is not None}


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"seq": 2**63}, ""),
        ({"seq": 2**62}, "/items/0/seq"),
        ({"seq": 0}, "/items/0/seq"),
        ({"seq": "1"}, "/items/0/seq"),
        ({"kind": "unheard_of"}, "/items/0/kind"),
        ({"kind": 7}, "/items/0/kind"),
        ({"data": "&&&"}, "/items/0/data"),
        ({"data": base64.b64encode(b"x" * (64 * 1024 + 1)).decode()}, "/items/0/data"),
        ({"stream": "stdlog"}, "/items/0/stream"),
        ({"attempt": "x"}, "/items/0/attempt"),
        ({"attempt": None}, "/items/0/attempt"),
        ({"token": ""}, "/items/0/token"),
        ({"at": -5}, "/items/0/at"),
    ],
)
def test_one_bad_report_refuses_its_batch_by_name(
    side: AgentSide, attempt: Attempt, changes: dict[str, Any], pointer: str
) -> None:
    message = {
        "session": str(side.session_id),
        "sent_at": 1.0,
        "items": [a_log(attempt, **changes), a_log(attempt, seq=1)],
    }
    answer = side.post("reports", message)
    assert answer.status_code in {400, 422}
    problem = _refused(answer, answer.status_code)
    assert [error["pointer"] for error in problem["errors"]] == [pointer]
    assert not LogChunk.objects.exists()
    assert Attempt.objects.get(pk=attempt.pk).last_seq == 0


@pytest.mark.parametrize(
    "items", [[], "x", None, [1], [{}] * 1001], ids=["none", "text", "null", "number", "too many"]
)
def test_reports_must_be_a_list_of_one_to_a_thousand(side: AgentSide, items: Any) -> None:
    message = {"session": str(side.session_id), "sent_at": 1.0, "items": items}
    assert side.post("reports", message).status_code in {400, 422}


@pytest.mark.parametrize(
    ("path", "limit"), [("heartbeat", 1), ("claims", 1), ("session", 1), ("reports", 4)]
)
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_over_its_limit_is_413_with_or_without_a_length(
    side: AgentSide, path: str, limit: int, *, chunked: bool
) -> None:
    body = b'{"x": "' + b"x" * (limit * 1024 * 1024) + b'"}'
    content: Any = (body[at : at + 65536] for at in range(0, len(body), 65536))
    try:
        answer = side.client.post(
            f"/api/v1/agents/{side.agent_id}/{path}",
            content=content if chunked else body,
            headers=JSON,
        )
    except httpx2.TransportError:
        pass  # the server answered and closed before everything was sent
    else:
        _refused(answer, 413)
    assert side.beat().sent_at == side.sent_at


def test_a_chunked_body_without_a_length_is_taken(side: AgentSide) -> None:
    pieces = (piece for piece in (b'{"sent', b'_at": 5}'))
    answer = side.client.post(
        f"/api/v1/agents/{side.agent_id}/heartbeat", content=pieces, headers=JSON
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["sent_at"] == 5


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=zzz"]
)
def test_another_kind_of_body_is_415(side: AgentSide, kind: str) -> None:
    answer = side.client.post(
        f"/api/v1/agents/{side.agent_id}/heartbeat",
        content=json.dumps(heartbeat()),
        headers={"Content-Type": kind} if kind else {},
    )
    _refused(answer, 415)


def test_another_method_is_405_and_names_the_right_one(side: AgentSide) -> None:
    answer = side.client.get(f"/api/v1/agents/{side.agent_id}/heartbeat")
    problem = _refused(answer, 405)
    assert answer.headers["allow"] == "POST"
    assert problem["code"] == "method_not_allowed"


@pytest.mark.parametrize("agent_id", ["x", "0", "../x", "%00", "a" * 4000])
def test_an_id_that_is_none_is_404(side: AgentSide, agent_id: str) -> None:
    answer = side.client.post(
        f"/api/v1/agents/{agent_id}/heartbeat", json=heartbeat(), headers=JSON
    )
    assert answer.status_code == 404


def test_a_path_with_another_slash_is_not_this_path(side: AgentSide) -> None:
    answer = side.client.post(f"/api/v1/agents/{side.agent_id}/heartbeat/", json=heartbeat())
    assert answer.status_code == 404


@pytest.mark.parametrize("given", ["abc-1.2_3", "bad\tword", "x" * 200, ""])
def test_a_harmless_request_id_comes_back_and_another_is_replaced(
    side: AgentSide, given: str
) -> None:
    answer = side.client.post(
        f"/api/v1/agents/{side.agent_id}/heartbeat",
        json=heartbeat(),
        headers={"X-Request-Id": given},
    )
    harmless = given == "abc-1.2_3"
    assert (answer.headers["x-request-id"] == given) == harmless
    assert answer.headers["x-request-id"]
    assert answer.headers["x-api-version"] == "v1"


def test_a_report_with_a_forged_token_changes_nothing(side: AgentSide, attempt: Attempt) -> None:
    token = token_of(attempt)
    forged = token[:-1] + ("1" if token.endswith("0") else "0")
    message = {
        "session": str(side.session_id),
        "sent_at": 1.0,
        "items": [a_log(attempt, token=forged), a_log(attempt, attempt=str(uuid4()))],
    }
    answer = side.post("reports", message)
    assert answer.status_code == 200
    assert {one["status"] for one in answer.json()["results"]} == {"superseded"}
    assert not LogChunk.objects.exists()
    assert Evidence.objects.count() <= 2


def test_a_client_that_leaves_in_the_middle_of_its_body_costs_nothing(
    gateway: Served, side: AgentSide
) -> None:
    host, port = gateway.url.removeprefix("http://").split(":")
    head = (
        f"POST /api/v1/agents/{side.agent_id}/heartbeat HTTP/1.1\r\nHost: {host}\r\n"
        f"Authorization: {side.client.headers['authorization']}\r\n"
        "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
    )
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(head.encode())
    assert side.beat().sent_at == side.sent_at


def test_refusals_leave_the_session_as_it_was(side: AgentSide, agent: Agent) -> None:
    before = list(Session.objects.values())
    now: datetime = clock.now()
    for path in ("session", "heartbeat", "claims", "reports"):
        assert 400 <= side.post(path, b'{"session": 1}').status_code < 500
    assert list(Session.objects.values()) == before
    assert Agent.objects.get(pk=agent.pk).changed_at <= now
