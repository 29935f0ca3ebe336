"""What is sent when a pool is asked and an agent drained, and what is made of the answers."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

POOL = {"id": "01a1fe58-c578-7000-8503-ff93c4751a8f", "name": "gpus"}
POOLS = "/api/v1/agent-pools"


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

        do_GET = do_POST = _answer  # noqa: N815 - names of the standard library

        def log_message(self, *_: Any) -> None:
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listening.serve_forever)
    thread.start()
    script.url = f"http://127.0.0.1:{listening.server_address[1]}"
    try:
        yield script
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join(10)


@pytest.fixture
def server(bare):
    lists = {
        ("GET", "/healthz"): {},
        ("GET", POOLS): {"items": [POOL], "next": None},
        ("GET", f"{POOLS}/{POOL['id']}"): POOL,
    }
    with scripted(lists) as script:
        bare.environment |= {"K8S4R_API_URL": script.url, "K8S4R_TOKEN": "pat_x"}
        yield script


EXPLAIN = f"{POOLS}/{POOL['id']}/explain"


def test_explain_says_who_would_get_it(bare, server):
    server.answers["POST", EXPLAIN] = {
        "would_get_it": {"agent": "web-1", "slot": 0},
        "code": None,
        "sentence": "A pass would give it away now.",
        "candidates": [{"agent": "web-1", "code": "chosen", "rule": None}],
    }
    said = bare("explain", "--require", "gpu=a100", "pool", "gpus", "--", "make", "-j4")
    assert said.code == 0, said.err
    assert said.out.splitlines()[0] == "would run on web-1, slot 0"
    assert said.out.splitlines()[-1].split() == ["web-1", "chosen", "gets", "it"]
    body = {"spec": {"argv": ["make", "-j4"]}, "required_labels": {"gpu": "a100"}}
    assert server.asked[-1] == ("POST", EXPLAIN, body)


def test_explain_says_what_keeps_each_agent_from_it(bare, server):
    reason = {"rule": "labels.gpu", "needed": "a100", "found": None, "code": "labels_missing"}
    server.answers["POST", EXPLAIN] = {
        "would_get_it": None,
        "code": "labels_missing",
        "sentence": "No agent carries the labels.",
        "candidates": [{"agent": "web-1", **reason}],
    }
    said = bare("explain", "pool/gpus", "make")
    assert said.code == 8
    assert said.out.splitlines()[0] == "would wait: labels_missing"
    assert "needs a100, has nothing" in said.out


def test_a_drain_carries_its_note_and_when_it_is_over(bare, server):
    agent = {"id": "01a1fe58-c578-7000-8503-ff93c4751a90", "name": "web-1"}
    agents = "/api/v1/agents"
    server.answers |= {
        ("GET", agents): {"items": [agent], "next": None},
        ("GET", f"{agents}/{agent['id']}"): agent,
        ("POST", f"{agents}/{agent['id']}/drain"): {
            **agent, "desired": "draining", "status": "online",
        },
    }  # fmt: skip
    said = bare("drain", "web-1", "--note", "disk swap", "--until", "2026-11-27T08:00:00Z")
    assert (said.code, said.out) == (0, "agent/web-1 draining, online\n")
    body = {"note": "disk swap", "until": "2026-11-27T08:00:00Z"}
    assert server.asked[-1][2] == body
