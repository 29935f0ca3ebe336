"""How do several starts go on at once?

A start waits for the new process to get a processor. Meanwhile the next one is begun, and what
follows from the one before is written down.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Final, TypeVar

T = TypeVar("T")

# More would not help: there are few processors for the children to run on.
THREADS: Final = 2


class Starters:
    """A few threads; the processes that they start are the runner's children all the same.

    They are there from the beginning: work that forks until the machine is full must not keep the
    runner from saying so.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="start")
        all_there = Barrier(THREADS)
        try:
            list(self._pool.map(lambda _: all_there.wait(), range(THREADS)))
        except RuntimeError:
            # Not all can be made. Let those go that wait for the others, or this never ends.
            all_there.abort()
            raise

    def run(self, starts: Sequence[Callable[[], T]]) -> Iterator[T]:
        """Begin all and yield what became of each, in their order, as soon as it is known."""
        if len(starts) == 1:
            return iter([starts[0]()])
        return self._pool.map(lambda start: start(), starts)
