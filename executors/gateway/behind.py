"""When does a request reach the application behind the gateway? When its whole body is there.

That application has a thread for each request it works on. A body that comes drop by drop, or
never, must not hold one: eight such clients would keep everybody else out.
"""

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from executors import creation
from executors.gateway.bodies import Bodies
from executors.gateway.endpoint import refused
from executors.gateway.exchange import Exchange
from k8s4r.api.requests import request_id_from
from k8s4r.core.errors import DomainError

# The largest body that anything behind takes: a list of tasks.
LIMIT_BYTES: Final = creation.LIMITS.bytes
BODILESS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class WholeBodies:
    """Reads a request's body, within limits of size and time, then calls the application."""

    def __init__(self, app: ASGIApp, bodies: Bodies) -> None:
        self._app = app
        self._bodies = bodies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in BODILESS:
            await self._app(scope, receive, send)
            return
        exchange = Exchange(scope, receive, send)
        exchange.request_id = request_id_from(exchange.header(b"x-request-id"))
        try:
            body = await self._whole(exchange)
        except DomainError as error:
            await exchange.respond(refused(error, exchange))
            return
        await self._app(_with_length(scope, len(body)), _again(body, receive), send)

    async def _whole(self, exchange: Exchange) -> bytes:
        pieces = self._bodies.pieces(exchange, limit_bytes=LIMIT_BYTES)
        return b"".join([piece async for piece in pieces])


def _with_length(scope: Scope, length: int) -> Scope:
    """Say the length: a body that came in chunks had none, and WSGI takes that for empty."""
    headers = [
        (name, value)
        for name, value in scope["headers"]
        if name not in {b"content-length", b"transfer-encoding"}
    ]
    return {**scope, "headers": [*headers, (b"content-length", str(length).encode())]}


def _again(body: bytes, receive: Receive) -> Receive:
    """Return a channel that gives the body at once, and then what the client does next."""
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def next_message() -> Message:
        return pending.pop() if pending else await receive()

    return next_message
