"""How do the gateway's parts become one ASGI application with a beginning and an end?"""

import asyncio
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from random import Random
from types import FrameType

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from executors.gateway.routes import routes
from executors.gateway.station import Gateway
from k8s4r.api import problems
from k8s4r.api.problems import InternalError
from k8s4r.core.errors import NotFound


def build(behind: ASGIApp, *, random: Random) -> Starlette:
    """Return the application; ``behind`` answers every path that is not the gateway's."""
    gateway = Gateway(random=random)

    @asynccontextmanager
    async def lifespan(_application: Starlette) -> AsyncIterator[None]:
        await gateway.start()
        with _told_to_stop(gateway.release):
            yield
        await gateway.stop()

    application = Starlette(
        routes=routes(gateway, behind),
        lifespan=lifespan,
        exception_handlers={HTTPException: _nothing_here, Exception: _defect},
    )
    application.state.gateway = gateway
    return application


@contextmanager
def _told_to_stop(release: Callable[[], None]) -> Iterator[None]:
    """Call ``release`` as soon as the process is told to stop.

    A server tells the lifespan only after the last request has ended, and a held claim or a
    followed log ends by nothing else (Kludex/uvicorn#251). Its own handler is called as before.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    earlier = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def handle(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(release)
        handler = earlier[signal.Signals(number)]
        if callable(handler):
            handler(number, frame)

    for number in earlier:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)


async def _nothing_here(request: Request, _error: Exception) -> Response:
    return _problem(NotFound("there is nothing at this path"), request)


async def _defect(request: Request, _error: Exception) -> Response:
    return _problem(InternalError("the server made an error; it is logged"), request)


def _problem(error: NotFound | InternalError, request: Request) -> Response:
    request_id = str(structlog.contextvars.get_contextvars().get("request_id", ""))
    status, headers, body = problems.problem_for(
        error, request_id=request_id, instance=request.url.path
    )
    return Response(body, status, dict(headers), problems.PROBLEM_JSON)
