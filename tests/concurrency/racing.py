"""How do many threads do things in the same instant, each on a database connection of its own?"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

from django.db import connection

Result = TypeVar("Result")
START_WITHIN_S = 30


def race(*actions: Callable[[], Result]) -> list[Result]:
    """Run the actions at once and return their results in order; re-raises what they raise."""
    gate = Barrier(len(actions))

    def run(action: Callable[[], Result]) -> Result:
        try:
            with connection.cursor() as cursor:
                # Sixteen that queue for one row on a busy machine are no deadlock.
                cursor.execute("SET lock_timeout = '30s'")
            gate.wait(START_WITHIN_S)
            return action()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(actions)) as threads:
        return list(threads.map(run, actions))


def times(count: int, action: Callable[[int], Result]) -> Sequence[Callable[[], Result]]:
    """Return ``count`` actions that each get their number."""
    return [lambda number=number: action(number) for number in range(count)]
