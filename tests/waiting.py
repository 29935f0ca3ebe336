"""How does a test wait for something that another process does? It asks, with a deadline."""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import TypeVar

Answer = TypeVar("Answer")


def wait_until(
    question: Callable[[], Answer], *, timeout_s: float = 30.0, every_s: float = 0.05
) -> Answer:
    """Ask until the answer is true and return it.

    Raises:
        AssertionError: it was still false when the time was up; names the question.
    """
    deadline = time.monotonic() + timeout_s
    pause = threading.Event()
    while True:
        is_last = time.monotonic() > deadline
        answer = question()
        if answer:
            return answer
        if is_last:
            name = getattr(question, "__qualname__", repr(question))
            raise AssertionError(f"still false after {timeout_s:g} s: {name}")
        pause.wait(every_s)


async def a_few_turns(turns: int = 10) -> None:
    """Let the loop do what is due, and what follows from it."""
    for _ in range(turns):
        await asyncio.sleep(0)
