"""How do the gateway's parts become one ASGI application with a beginning and an end?"""

import asyncio
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from types import FrameType

from starlette.routing import Router
from starlette.types import ASGIApp

from executors.gateway.behind import WholeBodies
from executors.gateway.routes import routes
from executors.gateway.station import Gateway


def build(gateway: Gateway, *, behind: ASGIApp) -> Router:
    """Return the application; ``behind`` answers every path that is not the gateway's.

    A router without Starlette's middleware: endpoints answer for their own errors, and each layer
    would cost a heartbeat a tenth of its time.
    """

    @asynccontextmanager
    async def lifespan(_application: object) -> AsyncIterator[None]:
        await gateway.start()
        with _told_to_stop(gateway.release):
            yield
        await gateway.stop()

    people = WholeBodies(behind, gateway.bodies)
    table = routes(gateway, behind=people)
    return Router(table, default=people, redirect_slashes=False, lifespan=lifespan)


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
