"""How does a file get to the server? It is sent until the server has it, or never will.

One task for each file, beside the three lanes of the session: a large one holds up nothing.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from random import Random
from typing import Final
from uuid import UUID

from agents.client import seam
from agents.client.link.requests import Composer
from agents.client.link.transports.http import HttpTransport, Unanswered
from agents.client.link.vocabulary import Trouble

FIRST_DELAY_S: Final = 0.2
LONGEST_DELAY_S: Final = 10.0
PIECE_BYTES: Final = 256 * 1024


class Changed(Exception):
    """The file is not as long as when its digest was taken; the message says how long it is."""


class Uploads:
    """The files under way; ``tell`` hands a frame to the runner."""

    def __init__(
        self,
        composer: Composer,
        transport: HttpTransport,
        random: Random,
        tell: Callable[[seam.Frame], None],
    ) -> None:
        self._composer = composer
        self._transport = transport
        self._random = random
        self._tell = tell
        self._tasks: dict[UUID, asyncio.Task[None]] = {}

    def offer(self, upload: seam.Upload) -> None:
        """Begin to deliver a file, unless that was begun before."""
        if upload.attempt not in self._tasks:
            task = asyncio.get_running_loop().create_task(self._deliver(upload))
            self._tasks[upload.attempt] = task
            task.add_done_callback(lambda _: self._tasks.pop(upload.attempt, None))

    async def _deliver(self, upload: seam.Upload) -> None:
        delay_s = FIRST_DELAY_S
        while True:
            try:
                await self._put(upload)
            except OSError as error:
                self._tell(seam.Stored(upload.attempt, f"the file went away: {error.strerror}"))
                return
            except Changed as error:
                self._tell(seam.Stored(upload.attempt, str(error)))
                return
            except Unanswered as error:
                if error.trouble is Trouble.REJECTED:
                    self._tell(seam.Stored(upload.attempt, error.detail))
                    return
                await asyncio.sleep(max(delay_s * self._random.uniform(0.5, 1.0), 0.0))
                delay_s = min(LONGEST_DELAY_S, max(delay_s * 2, error.retry_after_s))
            else:
                self._tell(seam.Stored(upload.attempt))
                return

    async def _put(self, upload: seam.Upload) -> None:
        mine = self._composer.identity
        if mine is None:
            raise Unanswered(Trouble.AWAY, "this agent has no identity yet")
        headers = {
            "authorization": f"Bearer {mine.token}",
            "content-type": "application/octet-stream",
            "content-length": str(upload.size_bytes),
            "x-attempt-token": upload.token,
            "x-content-sha256": upload.sha256,
        }
        path = f"/api/v1/attempts/{upload.attempt}/artifacts/{upload.name}"
        await self._transport.put(path, _pieces(upload), headers)


async def _pieces(upload: seam.Upload) -> AsyncIterator[bytes]:
    descriptor = os.open(upload.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    with open(descriptor, "rb") as file:
        _check_size(descriptor, upload.size_bytes)
        left = upload.size_bytes
        while piece := file.read(min(PIECE_BYTES, left)):
            left -= len(piece)
            yield piece
        if left:
            _check_size(descriptor, upload.size_bytes)


def _check_size(descriptor: int, promised: int) -> None:
    size = os.fstat(descriptor).st_size
    if size != promised:
        raise Changed(f"the file had {promised} bytes and now has {size}")
