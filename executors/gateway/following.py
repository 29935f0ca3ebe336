"""Who follows a task's log, and when is there something new to read for them?

Who follows is told at once when a report is committed in this process. What other processes commit
is found by one query for all followers, twice a second.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from executors.gateway import log_rows
from executors.gateway.log_rows import Page, Question
from k8s4r.api.collector import BatchLimits, Collector
from k8s4r.core.errors import DomainError, TooMany

LOOK_EVERY_S: Final = 0.5
FOLLOWERS: Final = 2_000


@dataclass(slots=True, eq=False)
class Follower:
    """One reader that waits for more. ``signs`` is how its task looked at the last look."""

    task_id: UUID
    news: asyncio.Event = field(default_factory=asyncio.Event)
    attempt_ids: frozenset[UUID] = frozenset()
    signs: tuple[Any, ...] = ()


class Followers:
    """Everybody who follows a log through this process."""

    def __init__(self) -> None:
        self.reading: Collector[Question, Page] = Collector(
            log_rows.read, name="logs", limits=BatchLimits(items=16, waiting=FOLLOWERS)
        )
        self.stopping = False
        self._looking: Collector[Sequence[UUID], dict[UUID, tuple[Any, ...]]] = Collector(
            lambda asked: [log_rows.signs(ids) for ids in asked],
            name="log-signs",
            limits=BatchLimits(items=1),
        )
        self._followers: set[Follower] = set()

    def __len__(self) -> int:
        return len(self._followers)

    def enter(self, task_id: UUID) -> Follower:
        """Return a new follower of this task; `leave` ends it.

        Raises:
            TooMany: this process has enough of them.
        """
        if len(self._followers) >= FOLLOWERS:
            raise TooMany("too many logs are being followed", retry_after_s=5.0)
        follower = Follower(task_id)
        self._followers.add(follower)
        return follower

    def leave(self, follower: Follower) -> None:
        """Tell it nothing any more."""
        self._followers.discard(follower)

    def reported(self, attempt_ids: Iterable[UUID]) -> None:
        """Wake who follows one of these attempts, or a task that had none when last read."""
        if not self._followers:
            return
        changed = frozenset(attempt_ids)
        for follower in self._followers:
            if not follower.attempt_ids or follower.attempt_ids & changed:
                follower.news.set()

    def stop(self) -> None:
        """Wake everybody for the last time."""
        self.stopping = True
        for follower in self._followers:
            follower.news.set()

    async def look(self) -> None:
        """Wake whose task changed by another process, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            if not self._followers:
                continue
            try:
                signs = await self._looking.submit(list({one.task_id for one in self._followers}))
            except DomainError:
                # The database is away; the next look may see it again.
                continue
            self._compare(signs)

    def all(self) -> Sequence[Collector[Any, Any]]:
        """Return every collector, for counting and closing."""
        return [self.reading, self._looking]

    def _compare(self, signs: dict[UUID, tuple[Any, ...]]) -> None:
        for follower in self._followers:
            sign = signs.get(follower.task_id, ())
            if sign != follower.signs:
                follower.signs = sign
                follower.news.set()
