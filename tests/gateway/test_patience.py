"""A body that does not come is given up; a request that is cancelled is not mistaken for it."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from starlette.types import Message

from executors.gateway.patience import Patience
from k8s4r.api.problems import TooSlow


async def never() -> Message:
    return await asyncio.get_running_loop().create_future()


async def at_once() -> Message:
    return {"type": "http.request", "body": b"x"}


def play(scene: Coroutine[Any, Any, Any]) -> Any:
    async def run() -> Any:
        return await asyncio.wait_for(scene, 10)

    return asyncio.run(run())


def test_what_is_there_is_returned() -> None:
    patience = Patience()

    async def scene() -> Message:
        return await patience.receive(at_once, deadline=0.0)

    assert play(scene())["body"] == b"x"


def test_what_does_not_come_is_given_up_and_the_request_goes_on() -> None:
    patience = Patience()

    async def scene() -> str:
        now = asyncio.get_running_loop().time()
        with pytest.raises(TooSlow):
            await patience.receive(never, deadline=now)
        # The request can still await: its cancellation was for the body only.
        await asyncio.sleep(0)
        return "answered"

    assert play(scene()) == "answered"


def test_a_cancelled_request_stays_cancelled() -> None:
    patience = Patience()

    async def scene() -> bool:
        later = asyncio.get_running_loop().time() + 100
        request = asyncio.create_task(patience.receive(never, deadline=later))
        await asyncio.sleep(0)
        request.cancel()
        await asyncio.wait({request})
        return request.cancelled()

    assert play(scene())


def test_only_the_late_are_given_up() -> None:
    patience = Patience()

    async def scene() -> tuple[bool, bool]:
        now = asyncio.get_running_loop().time()
        late = asyncio.create_task(patience.receive(never, deadline=now))
        early = asyncio.create_task(patience.receive(never, deadline=now + 100))
        await asyncio.wait({late})
        waits_on = not early.done()
        early.cancel()
        await asyncio.wait({early})
        return isinstance(late.exception(), TooSlow), waits_on

    assert play(scene()) == (True, True)
