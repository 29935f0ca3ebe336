"""What does a request of the gateway look like, and what may be answered?

Lean on purpose: ten thousand of these may be held at once (a waiting claim is one).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs

import msgspec
from django.http.cookie import parse_cookie
from starlette.types import Receive, Scope, Send

from k8s4r.api.requests import API_VERSION, VERSION_HEADER
from k8s4r.core.errors import Unauthenticated

JSON: Final = b"application/json"
LONGEST_TOKEN: Final = 200
_ENCODER: Final = msgspec.json.Encoder()
_VERSION: Final = (VERSION_HEADER.lower().encode(), API_VERSION.encode())


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer; `Exchange.stream` is for those that come in pieces."""

    status: int = 200
    body: bytes = b""
    media_type: bytes = JSON
    headers: Sequence[tuple[bytes, bytes]] = ()


def json_answer(
    content: Any, *, status: int = 200, headers: Sequence[tuple[bytes, bytes]] = ()
) -> Answer:
    """Return an answer with this content as JSON."""
    return Answer(status, _ENCODER.encode(content), headers=headers)


class Exchange:
    """One request and the way back to whoever sent it."""

    __slots__ = ("_headers", "receive", "request_id", "scope", "send", "started")

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        self.receive = receive
        self.send = send
        self.request_id = ""
        self.started = False
        self._headers: dict[bytes, bytes] = dict(scope["headers"])

    @property
    def path(self) -> str:
        return str(self.scope["path"])

    @property
    def address(self) -> str:
        """Return where the client is; no header is believed."""
        client = self.scope.get("client")
        return str(client[0]) if client else ""

    def part(self, name: str) -> str:
        """Return a variable part of the path."""
        return str(self.scope["path_params"][name])

    def header(self, name: bytes) -> str:
        """Return a header by its lower-case name, empty when it was not sent."""
        return self._headers.get(name, b"").decode("latin-1")

    def has_no_body(self) -> bool:
        """Does the request say that nothing follows its headers?"""
        named = self.header(b"content-type") or self.header(b"transfer-encoding")
        return not named and self.header(b"content-length") in {"", "0"}

    def query(self, name: str) -> str | None:
        """Return the last value of a query parameter."""
        text = self.scope["query_string"].decode("latin-1")
        values = parse_qs(text, keep_blank_values=True).get(name)
        return values[-1] if values else None

    @property
    def token(self) -> str:
        """The text of a bearer token, empty without one."""
        scheme, _, text = self.header(b"authorization").partition(" ")
        return text if scheme.lower() == "bearer" else ""

    def bearer(self) -> str:
        """Return the token that came along; whether it is good is for others to say.

        Raises:
            Unauthenticated: there was none, or it cannot be one.
        """
        text = self.token
        if not 0 < len(text) <= LONGEST_TOKEN:
            raise Unauthenticated("a valid bearer token is needed")
        return text

    def cookie(self, name: str) -> str:
        """Return a cookie, empty when it was not sent."""
        return str(parse_cookie(self.header(b"cookie")).get(name, ""))

    async def respond(self, answer: Answer) -> None:
        """Send a whole answer."""
        length = str(len(answer.body)).encode()
        await self._start(answer, [(b"content-length", length)])
        await self.send({"type": "http.response.body", "body": answer.body})

    async def begin(self, answer: Answer) -> None:
        """Send status, headers and the first piece of an answer that comes in pieces."""
        await self._start(answer, [])
        await self.piece(answer.body)

    async def piece(self, body: bytes) -> None:
        """Send the next piece."""
        if body:
            await self.send({"type": "http.response.body", "body": body, "more_body": True})

    async def end(self) -> None:
        """End an answer that came in pieces."""
        await self.send({"type": "http.response.body", "body": b""})

    async def gone(self) -> None:
        """Return when the client has left; what it sends meanwhile is dropped."""
        while (await self.receive())["type"] != "http.disconnect":
            pass

    async def _start(self, answer: Answer, further: list[tuple[bytes, bytes]]) -> None:
        self.started = True
        headers = [
            (b"content-type", answer.media_type),
            (b"x-request-id", self.request_id.encode("latin-1")),
            _VERSION,
            (b"cache-control", b"no-store"),
            *further,
            *answer.headers,
        ]
        await self.send(
            {"type": "http.response.start", "status": answer.status, "headers": headers}
        )
