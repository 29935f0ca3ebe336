"""Who in this process wants to hear news at once, before and without Redis?"""

from collections.abc import Callable
from typing import Generic, TypeVar

Said = TypeVar("Said")


class Listeners(Generic[Said]):
    """The listeners of one process.

    They are called in the thread that has news, so they must be quick and must not raise: they
    hand the news over to their own thread or loop.
    """

    def __init__(self) -> None:
        self._listeners: tuple[Callable[[Said], None], ...] = ()

    def add(self, listener: Callable[[Said], None]) -> None:
        """Call it for all news from now on."""
        # A new tuple each time: whoever iterates meanwhile keeps the old one, without a lock.
        self._listeners = (*self._listeners, listener)

    def remove(self, listener: Callable[[Said], None]) -> None:
        """Call it no more."""
        self._listeners = tuple(one for one in self._listeners if one != listener)

    def tell(self, news: Said) -> None:
        """Tell every listener."""
        for listener in self._listeners:
            listener(news)
