"""How is a stream of server-sent events kept up (WHATWG HTML, 9.2)? Begun, waited on, and ended."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from executors.gateway.endpoint import refused
from executors.gateway.exchange import Answer, Exchange
from k8s4r.api.streams import EVENT_STREAM
from k8s4r.core.errors import DomainError

# So often something is said, so that nobody takes a quiet stream for dead.
COMMENT_EVERY_S: Final = 15.0
COMMENT: Final = b": still here\n\n"
# Begins a stream; who is cut off comes back after a second.
BEGINNING: Final = Answer(
    body=b"retry: 1000\n\n",
    media_type=EVENT_STREAM.encode(),
    headers=[(b"x-content-type-options", b"nosniff"), (b"x-accel-buffering", b"no")],
)


def event(kind: str, data: bytes, *, at: str = "") -> bytes:
    """Return an event; ``data`` is JSON on one line, ``at`` the id that a reader goes on after."""
    place = b"id: %s\n" % at.encode() if at else b""
    return b"%sevent: %s\ndata: %s\n\n" % (place, kind.encode(), data)


def failure(error: DomainError, exchange: Exchange) -> bytes:
    """Return a refusal as the last event: the status was sent long ago."""
    return event("error", refused(error, exchange).body)


@asynccontextmanager
async def reader(exchange: Exchange, news: asyncio.Event) -> AsyncIterator["asyncio.Future[None]"]:
    """Yield what is done once the reader has left, which is ``news`` as well."""
    gone = asyncio.ensure_future(exchange.gone())
    gone.add_done_callback(lambda _: news.set())
    try:
        yield gone
    finally:
        gone.cancel()
        with suppress(asyncio.CancelledError):
            await gone


async def heard(news: asyncio.Event) -> bool:
    """Return at the next news, which are then old; False when it is time for a comment."""
    try:
        async with asyncio.timeout(COMMENT_EVERY_S):
            await news.wait()
    except TimeoutError:
        return False
    news.clear()
    return True
