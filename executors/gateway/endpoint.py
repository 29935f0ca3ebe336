"""How does a path answer: by method, with a request id, and with problem+json for every refusal?"""

import asyncio
import itertools
import logging
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeAlias

from starlette.types import Receive, Scope, Send

from executors.gateway.exchange import Answer, Exchange
from k8s4r.api import guarding, problems
from k8s4r.api.operations import declared
from k8s4r.api.problems import InternalError, MethodNotAllowed, TooSlow
from k8s4r.core import traces
from k8s4r.core.errors import DomainError, Unauthenticated

logger = logging.getLogger(__name__)

# An answer, or nothing when the handler has sent its answer itself, in pieces.
Handler: TypeAlias = Callable[[Exchange], Awaitable[Answer | None]]

PROBLEM: Final = problems.PROBLEM_JSON.encode()
_HARMLESS: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
# Drawn once for the process: an id for each request would be a system call for each heartbeat.
_PROCESS: Final = secrets.token_hex(6)
_numbers: Final = itertools.count(1)


class Endpoint:
    """An ASGI application for one path.

    No request object and no middleware: this is the hot path, and a held claim keeps every frame
    of it alive.
    """

    def __init__(self, handlers: Mapping[str, Handler]) -> None:
        self._handlers = dict(handlers)
        said = [declared(handler) for handler in handlers.values()]
        self._is_public = any(each is not None and each.caller is None for each in said)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = Exchange(scope, receive, send)
        given = exchange.header(b"x-request-id")
        harmless = given and _HARMLESS.fullmatch(given)
        exchange.request_id = given if harmless else f"{_PROCESS}-{next(_numbers):x}"
        try:
            handler = self._handler(scope["method"])
            if not (guarding.GUARD.is_quiet or self._is_public):
                guarding.check_token(exchange.token, address=exchange.address)
            answer = await handler(exchange)
        except Unauthenticated as error:
            answer = refused(await _counted(error, exchange), exchange)
        except DomainError as error:
            answer = refused(error, exchange)
        except Exception:  # the outermost loop of a request
            logger.exception("request_failed", extra=_which(exchange))
            answer = refused(InternalError("the server made an error; it is logged"), exchange)
        if answer is not None and not exchange.started:
            await exchange.respond(answer)

    def _handler(self, method: str) -> Handler:
        try:
            return self._handlers[method]
        except KeyError:
            allowed = ", ".join(sorted(self._handlers))
            raise MethodNotAllowed(f"allowed here: {allowed}", allow=allowed) from None


def _which(exchange: Exchange) -> dict[str, str]:
    """Return the ids of a request for its log line; a trace is only looked for here."""
    trace_id = traces.trace_id(exchange.header(b"traceparent"))
    return {"request_id": exchange.request_id, **({"trace_id": trace_id} if trace_id else {})}


async def _counted(error: DomainError, exchange: Exchange) -> DomainError:
    """Return the refusal of a bad token: another one when it was once too often."""
    if not exchange.token:
        return error
    try:
        await asyncio.to_thread(guarding.bad_token, exchange.token, address=exchange.address)
    except DomainError as slowed:
        return slowed
    return error


def refused(error: DomainError, exchange: Exchange) -> Answer:
    """Return a refusal as problem+json (RFC 9457)."""
    status, headers, body = problems.problem_for(
        error, request_id=exchange.request_id, instance=exchange.path
    )
    told = [(name.lower().encode(), value.encode()) for name, value in headers]
    # The rest of a body that did not come is waited for by nobody (RFC 9110, 15.5.9).
    closing = [(b"connection", b"close")] if isinstance(error, TooSlow) else []
    return Answer(status, body, PROBLEM, told + closing)
