"""How is a call made and kept, so that it becomes an example?"""

import hashlib
from typing import Any

import httpx2
import msgspec

from tests.serving import Served, a_persons_token

Json = Any
DIGEST = hashlib.sha256(b"one frame").hexdigest()


class Recorded(msgspec.Struct):
    """A call that was made: its ``METHOD path``, the body if it was JSON, and the answer."""

    call: str
    request: Json
    status: int
    answer: Json


class Tour:
    """Makes calls by ``METHOD path`` with the parts of the path beside, and keeps what came."""

    def __init__(self, gateway: Served) -> None:
        self._gateway = gateway
        self._token = a_persons_token("alice")
        self.recorded: list[Recorded] = []

    def call(
        self, method: str, path: str, body: Json = None, *, token: str = "", **parts: object
    ) -> Json:
        at = path.format(**parts)
        with self._gateway.client(token or self._token) as client:
            headers = {"X-Request-Id": "tour", "Accept": "application/json"}
            answer = client.request(method, f"/api/v1/{at}", json=body, headers=headers)
        return self._answered(f"{method} /api/v1/{path.partition('?')[0]}", body, answer)

    def outside(self, path: str) -> None:
        with self._gateway.client() as client:
            self._answered(f"GET {path}", None, client.get(path))

    def upload(self, token: str, order: Json) -> None:
        path = "attempts/{attempt_id}/artifacts/{name}"
        headers = {"X-Content-SHA256": DIGEST, "X-Attempt-Token": order["token"]}
        with self._gateway.client(token) as client:
            at = path.format(attempt_id=order["attempt"], name="frame-0001.png")
            answer = client.put(f"/api/v1/{at}", content=b"one frame", headers=headers)
        self._answered(f"PUT /api/v1/{path}", None, answer)

    def download(self, order: Json) -> None:
        """Ask for a file, of which an example has nothing to show."""
        path = "attempts/{attempt_id}/artifacts/{name}"
        with self._gateway.client(self._token) as client:
            at = path.format(attempt_id=order["attempt"], name="frame-0001.png")
            answer = client.get(f"/api/v1/{at}")
        assert answer.content == b"one frame"
        self.keep(f"GET /api/v1/{path}", None, answer.status_code, b"")

    def keep(self, call: str, body: Json, status: int, said: bytes) -> Json:
        """Keep an answer, also one that did not come from the gateway."""
        assert status < 300, said
        content = msgspec.json.decode(said) if said else None
        self.recorded.append(Recorded(call, body, status, content))
        return content

    def _answered(self, call: str, body: Json, answer: httpx2.Response) -> Json:
        return self.keep(call, body, answer.status_code, answer.content)
