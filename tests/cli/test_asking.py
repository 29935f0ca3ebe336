"""What is sent to the parts that explain and share, and what is made of their answers."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

PROJECT = {"id": "01a1fe58-c578-7000-8503-ff93c4751a8e", "name": "web"}
POOL = {**PROJECT, "id": "01a1fe58-c578-7000-8503-ff93c4751a8f", "name": "gpus"}
PROJECTS, POOLS = "/api/v1/projects", "/api/v1/agent-pools"


@dataclass(slots=True)
class Scripted:
    """A server that answers as the protocol says, and remembers what it was asked."""

    answers: dict[tuple[str, str], Any]
    asked: list[tuple[str, str, Any]] = field(default_factory=list)
    url: str = ""


@contextmanager
def scripted(answers: dict[tuple[str, str], Any]) -> Iterator[Scripted]:
    script = Scripted(answers)

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            path = self.path.partition("?")[0]
            script.asked.append((self.command, path, body))
            answer = script.answers.get((self.command, path))
            self.send_response(404 if answer is None else 200)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        do_GET = do_POST = do_DELETE = _answer  # noqa: N815 - names of the standard library

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    script.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield script
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


@pytest.fixture
def shared(bare):
    lists = {
        ("GET", PROJECTS): {"items": [PROJECT], "next": None},
        ("GET", f"{PROJECTS}/{PROJECT['id']}"): PROJECT,
        ("GET", POOLS): {"items": [POOL], "next": None},
        ("GET", f"{POOLS}/{POOL['id']}"): POOL,
    }
    with scripted(lists) as server:
        bare.environment |= {"K8S4R_API_URL": server.url, "K8S4R_TOKEN": "pat_x"}
        yield server


MEMBERS = f"{PROJECTS}/{PROJECT['id']}/members"
ALICE = {"user": "alice", "user_id": "u1", "roles": ["viewer"], "roles_everywhere": []}


def test_a_colleague_gets_a_role_in_one_project(bare, shared):
    shared.answers["POST", MEMBERS] = ALICE
    said = bare("share", "web", "alice", "--role", "viewer")
    assert (said.code, said.out) == (0, "alice is viewer in web\n")
    assert shared.asked[-1] == ("POST", MEMBERS, {"user": "alice", "roles": ["viewer"]})


def test_members_are_listed(bare, shared):
    shared.answers["GET", MEMBERS] = {"items": [ALICE], "next": None}
    said = bare("get", "members", "-p", "web", "--no-headers")
    assert said.out.split() == ["alice", "viewer", "-"]


def test_roles_are_taken_after_one_question(bare, shared):
    shared.answers["DELETE", f"{MEMBERS}/alice"] = {}
    assert bare("unshare", "web", "alice").code == 2
    assert bare("unshare", "web", "alice", "--yes").out == "alice has no role in web\n"


EXPLAIN = f"{POOLS}/{POOL['id']}/explain"


def test_explain_says_who_would_get_it(bare, shared):
    shared.answers["POST", EXPLAIN] = {
        "would_get_it": {"agent": "web-1", "slot": 0},
        "code": None,
        "sentence": "A pass would give it away now.",
        "candidates": [{"agent": "web-1", "code": "chosen", "rule": None}],
    }
    said = bare("explain", "--label", "gpu=a100", "pool", "gpus", "--", "make", "-j4")
    assert said.code == 0, said.err
    assert said.out.splitlines()[0] == "would run on web-1, slot 0"
    assert said.out.splitlines()[-1].split() == ["web-1", "chosen", "gets", "it"]
    body = {"spec": {"argv": ["make", "-j4"]}, "labels": {"gpu": "a100"}}
    assert shared.asked[-1] == ("POST", EXPLAIN, body)


def test_explain_says_what_keeps_each_agent_from_it(bare, shared):
    reason = {"rule": "labels.gpu", "needed": "a100", "found": None, "code": "labels_missing"}
    shared.answers["POST", EXPLAIN] = {
        "would_get_it": None,
        "code": "labels_missing",
        "sentence": "No agent carries the labels.",
        "candidates": [{"agent": "web-1", **reason}],
    }
    said = bare("explain", "pool/gpus", "make")
    assert said.code == 8
    assert said.out.splitlines()[0] == "would wait: labels_missing"
    assert "needs a100, has nothing" in said.out


def test_a_drain_carries_its_note_and_when_it_is_over(bare, shared):
    agent = {"id": "01a1fe58-c578-7000-8503-ff93c4751a90", "name": "web-1"}
    agents = "/api/v1/agents"
    shared.answers |= {
        ("GET", agents): {"items": [agent], "next": None},
        ("GET", f"{agents}/{agent['id']}"): agent,
        ("POST", f"{agents}/{agent['id']}/drain"): {
            **agent, "desired": "draining", "status": "online",
        },
    }  # fmt: skip
    said = bare("drain", "web-1", "--note", "disk swap", "--until", "2026-11-27T08:00:00Z")
    assert (said.code, said.out) == (0, "agent/web-1 draining, online\n")
    body = {"note": "disk swap", "until": "2026-11-27T08:00:00+00:00"}
    assert shared.asked[-1][2] == body
