"""Who watches a list, and what changed for them?

One look at the history serves everybody in this process. What changed more than once before a
watcher took it is told once, as it is then: a slow one costs no memory.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from executors.gateway import watch_rows
from executors.gateway.watch_kinds import Kind
from executors.gateway.watch_rows import Change, Horizon, News, Question, Told
from k8s4r.api.collector import BatchLimits, Collector
from k8s4r.core.errors import DomainError, TooMany

LOOK_EVERY_S: Final = 0.5
WATCHERS: Final = 500


@dataclass(slots=True, eq=False)
class Watcher:
    """One stream; ``changed`` are things that it has not been told of yet."""

    kind: Kind
    news: asyncio.Event = field(default_factory=asyncio.Event)
    changed: dict[UUID, News] = field(default_factory=dict)


class Watchers:
    """Everybody who watches through this process."""

    def __init__(self) -> None:
        self.telling: Collector[Question, list[Told]] = Collector(
            watch_rows.tell, name="watches", limits=BatchLimits(items=16, waiting=WATCHERS)
        )
        self.stopping = False
        self._looking: Collector[Horizon, list[Change]] = Collector(
            lambda asked: [watch_rows.look(horizon) for horizon in asked],
            name="watch-looks",
            limits=BatchLimits(items=1),
        )
        self._watchers: set[Watcher] = set()
        self._horizon = Horizon()
        self._turn = asyncio.Lock()

    def __len__(self) -> int:
        return len(self._watchers)

    @property
    def cursor(self) -> int:
        """The place in the history up to which everything was told."""
        return self._horizon.closed

    async def enter(self, kind: Kind) -> Watcher:
        """Return a watcher that misses nothing from now on; `leave` ends it.

        Raises:
            TooMany: this process has enough of them.
            Unavailable: the database is away.
        """
        if len(self._watchers) >= WATCHERS:
            raise TooMany("too many lists are being watched", retry_after_s=5.0)
        watcher = Watcher(kind)
        self._watchers.add(watcher)
        try:
            await self._look_once()
        except DomainError:
            self.leave(watcher)
            raise
        return watcher

    def leave(self, watcher: Watcher) -> None:
        """Tell it nothing any more; without watchers nobody reads the history."""
        self._watchers.discard(watcher)
        if not self._watchers:
            self._horizon = Horizon()

    def stop(self) -> None:
        """Wake everybody for the last time."""
        self.stopping = True
        for watcher in self._watchers:
            watcher.news.set()

    async def look(self) -> None:
        """Tell watchers what changed, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            if not self._watchers:
                continue
            try:
                await self._look_once()
            except DomainError:
                # The database is away; the next look may see it again.
                continue

    def all(self) -> Sequence[Collector[Any, Any]]:
        """Return every collector, for counting and closing."""
        return [self.telling, self._looking]

    async def _look_once(self) -> None:
        # One at a time: a look moves the horizon that the next one starts from.
        async with self._turn:
            changes = await self._looking.submit(self._horizon)
        for watcher in self._watchers:
            own = watch_rows.newest(watcher.kind, changes)
            for identity, news in own.items():
                watcher.changed[identity] = watcher.changed.get(identity, News()) | news
            if own:
                watcher.news.set()
