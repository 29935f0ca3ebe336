"""Whose body has taken too long? One look a second at all of them, instead of a timer for each.

A timer costs more than reading a heartbeat, and nearly every body is there already.
"""

import asyncio
from typing import Final

from starlette.types import Message, Receive

from k8s4r.api.problems import TooSlow

LOOK_EVERY_S: Final = 1.0


class Patience:
    """Bounds how long requests wait for their bodies; may give up to a second more."""

    def __init__(self) -> None:
        self._deadlines: dict[asyncio.Task[object], float] = {}
        self._given_up: set[asyncio.Task[object]] = set()
        self._looking = False

    async def receive(self, receive: Receive, *, deadline: float) -> Message:
        """Return the next event of a request; ``deadline`` is in loop time.

        Raises:
            TooSlow: it did not come in time.
        """
        task = asyncio.current_task()
        assert task is not None, "a request is served by a task"
        self._deadlines[task] = deadline
        self._look_later()
        try:
            return await receive()
        except asyncio.CancelledError:
            if task not in self._given_up:
                raise
            task.uncancel()
            raise TooSlow("the body did not arrive in time") from None
        finally:
            self._given_up.discard(task)
            del self._deadlines[task]

    def _look_later(self) -> None:
        if not self._looking:
            self._looking = True
            asyncio.get_running_loop().call_later(LOOK_EVERY_S, self._look)

    def _look(self) -> None:
        self._looking = False
        now = asyncio.get_running_loop().time()
        for task, deadline in self._deadlines.items():
            if deadline < now and task not in self._given_up:
                self._given_up.add(task)
                task.cancel()
        if self._deadlines:
            self._look_later()
