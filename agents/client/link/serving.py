"""How does a link begin and end? With what the runner says over the socket they share."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from random import Random

from agents.client import logs, seam
from agents.client.clock import BootClock
from agents.client.link import health
from agents.client.link.link import READ_BYTES, Link
from agents.client.link.requests import Composer
from agents.client.link.transports.http import HttpTransport


async def serve(sock: socket.socket) -> bool:
    """Speak for the runner at the other end of ``sock``; is its work in good hands afterwards?

    Not when the runner is gone without a farewell. A link that breaks says nothing of the runner.
    """
    reader, writer = await asyncio.open_connection(sock=sock)
    frames = _frames(reader)
    setup = await anext(frames, None)
    roster = await anext(frames, None)
    if not isinstance(setup, seam.Setup) or not isinstance(roster, seam.Roster):
        return False
    logs.configure(setup.log_format, process="link")
    composer = Composer(setup, BootClock(setup.clock_base), roster)
    transport = HttpTransport(setup.url, ca_file=setup.ca_file)
    jitter = Random(setup.session.int)  # noqa: S311 - spreads retries, keeps no secret
    link = Link(composer, transport, writer, jitter)
    with health.served(setup.health_address, link.vitals, composer.clock):
        link.begin()
        async for message in frames:
            if isinstance(message, seam.Farewell):
                await link.last_word()
                return True
            link.hear(message)
    return link.is_broken


async def _frames(reader: asyncio.StreamReader) -> AsyncIterator[seam.FromRunner]:
    """Yield what the runner says until its end of the socketpair is gone."""
    unframer = seam.Unframer()
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(READ_BYTES):
            for body in unframer.feed(data):
                yield seam.from_runner.decode(body)
