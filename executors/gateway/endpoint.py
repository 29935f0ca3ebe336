"""How does a path answer: by method, with a request id, and with problem+json for every refusal?"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeAlias

import structlog
from starlette.types import Receive, Scope, Send

from executors.gateway.exchange import Answer, Exchange
from k8s4r.api import problems, requests
from k8s4r.api.problems import MethodNotAllowed
from k8s4r.core.errors import DomainError

# An answer, or nothing when the handler has sent its answer itself, in pieces.
Handler: TypeAlias = Callable[[Exchange], Awaitable[Answer | None]]

PROBLEM: Final = problems.PROBLEM_JSON.encode()


class Endpoint:
    """An ASGI application for one path.

    No request object and no middleware: this is the hot path, and a held claim keeps every frame
    of it alive.
    """

    def __init__(self, handlers: Mapping[str, Handler]) -> None:
        self._handlers = dict(handlers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = Exchange(scope, receive, send, request_id="")
        exchange.request_id = requests.request_id_from(exchange.header(b"x-request-id"))
        structlog.contextvars.bind_contextvars(request_id=exchange.request_id)
        try:
            answer = await self._handler(scope["method"])(exchange)
        except DomainError as error:
            if exchange.started:
                raise
            answer = refused(error, exchange)
        if answer is not None:
            await exchange.respond(answer)

    def _handler(self, method: str) -> Handler:
        try:
            return self._handlers[method]
        except KeyError:
            allowed = ", ".join(sorted(self._handlers))
            raise MethodNotAllowed(f"allowed here: {allowed}", allow=allowed) from None


def refused(error: DomainError, exchange: Exchange) -> Answer:
    """Return a refusal as problem+json (RFC 9457)."""
    status, headers, body = problems.problem_for(
        error, request_id=exchange.request_id, instance=exchange.path
    )
    return Answer(status, body, PROBLEM, [(k.lower().encode(), v.encode()) for k, v in headers])
