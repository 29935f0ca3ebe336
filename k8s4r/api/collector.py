"""How are calls that arrive together committed together? Group commit, without timers.

    offer --> waiting --(one batch at a time, in a thread of its own)--> service --> each caller

While one batch is being committed, what arrives becomes the next. So an idle system answers at
once and a busy one in batches, and N callers cost one transaction instead of N.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Final, Generic, TypeVar

from django.db import DatabaseError, InterfaceError, OperationalError, connection, connections

from k8s4r.api.problems import InternalError
from k8s4r.core.errors import DomainError, Unavailable

logger = logging.getLogger(__name__)

Item = TypeVar("Item")
Answer = TypeVar("Answer")

RETRY_AFTER_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """How much one batch takes, and how many calls may wait for the next.

    ``weight`` bounds the sum of what items weigh; an item alone may be heavier.
    """

    items: int = 1_000
    weight: int = 100_000
    waiting: int = 20_000


@dataclass(slots=True)
class Tally:
    """What a collector did since it began, for `/metrics`."""

    batches: int = 0
    items: int = 0
    repeated: int = 0


class Collector(Generic[Item, Answer]):
    """Feeds a set-based service that answers each item by its answer or a DomainError.

    The service runs in one thread with its own database connection. When a batch fails as a whole,
    its items are tried one by one, so that a bad one spoils nobody else; so a service must bear
    to see an item again.
    """

    def __init__(
        self,
        service: Callable[[Sequence[Item]], Sequence[Answer | DomainError]],
        *,
        name: str,
        limits: BatchLimits | None = None,
        weigh: Callable[[Item], int] = lambda _: 1,
    ) -> None:
        self.name = name
        self.tally = Tally()
        self._service = service
        self._limits = limits or BatchLimits()
        self._weigh = weigh
        self._waiting: deque[tuple[Item, asyncio.Future[Answer]]] = deque()
        self._busy = False
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    @property
    def waiting(self) -> int:
        """How many calls wait for the next batch."""
        return len(self._waiting)

    async def submit(self, item: Item) -> Answer:
        """Return the service's answer to this item.

        Raises:
            DomainError: the service's refusal of this item.
            Unavailable: too many wait already, or the database is away.
        """
        return await self.offer(item)

    def offer(self, item: Item) -> "asyncio.Future[Answer]":
        """Return at once a future of the answer; see `submit`."""
        if len(self._waiting) >= self._limits.waiting:
            raise Unavailable("too many calls are waiting", retry_after_s=RETRY_AFTER_S)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append((item, future))
        if not self._busy:
            self._busy = True
            # Not at once: what else arrives in this turn of the loop comes along.
            loop.call_soon(self._next)
        return future

    async def close(self) -> None:
        """Close the thread's database connection and end the thread."""
        await asyncio.get_running_loop().run_in_executor(self._thread, connections.close_all)
        self._thread.shutdown(wait=False)

    def _next(self) -> None:
        batch = self._taken()
        self._busy = bool(batch)
        if not batch:
            return
        self.tally.batches += 1
        self.tally.items += len(batch)
        served = self._thread.submit(self._outcomes, [item for item, _ in batch])
        asyncio.wrap_future(served).add_done_callback(partial(self._settle, batch))

    def _taken(self) -> list[tuple[Item, "asyncio.Future[Answer]"]]:
        """Return the next batch, oldest first, without those who no longer wait."""
        batch: list[tuple[Item, asyncio.Future[Answer]]] = []
        weight = 0
        while self._waiting and len(batch) < self._limits.items:
            item, future = self._waiting[0]
            weight += self._weigh(item)
            if batch and weight > self._limits.weight:
                break
            self._waiting.popleft()
            if not future.done():
                batch.append((item, future))
        return batch

    def _settle(
        self,
        batch: list[tuple[Item, "asyncio.Future[Answer]"]],
        served: "asyncio.Future[Sequence[Answer | DomainError]]",
    ) -> None:
        outcomes = served.result()
        for (_, future), outcome in zip(batch, outcomes, strict=True):
            if future.done():
                continue
            if isinstance(outcome, DomainError):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)
        self._next()

    def _outcomes(self, items: Sequence[Item]) -> Sequence[Answer | DomainError]:
        """Serve a batch in the collector's thread; never raises."""
        outcome = self._tried(items)
        if isinstance(outcome, _Lost):
            # A connection that died in the pause between two batches: once more, on a new one.
            outcome = self._tried(items)
        if not isinstance(outcome, DomainError):
            return outcome
        if isinstance(outcome, _Lost) or len(items) == 1:
            return [outcome for _ in items]
        return self._one_by_one(items)

    def _one_by_one(self, items: Sequence[Item]) -> Sequence[Answer | DomainError]:
        self.tally.repeated += len(items)
        outcomes: list[Answer | DomainError] = []
        for item in items:
            outcome = self._tried([item])
            if isinstance(outcome, _Lost):
                return [*outcomes, *(outcome for _ in items[len(outcomes) :])]
            outcomes += [outcome] if isinstance(outcome, DomainError) else outcome
        return outcomes

    def _tried(self, items: Sequence[Item]) -> Sequence[Answer | DomainError] | DomainError:
        """Return the service's outcomes, or the one error that met all of them."""
        try:
            outcomes = self._service(items)
            assert len(outcomes) == len(items), "a service answers each item"
        except DomainError as refusal:
            return refusal
        # The outermost loop of this thread: whatever a service raises, the thread goes on.
        except Exception as error:
            meaning = _meaning(error)
            logger.log(
                logging.ERROR if isinstance(meaning, InternalError) else logging.WARNING,
                "batch_failed",
                exc_info=isinstance(meaning, InternalError),
                extra={"collector": self.name, "items": len(items), "error": str(error)},
            )
            return meaning
        return outcomes


class _Lost(Unavailable):
    """The database could not be reached, or the connection broke."""


def _meaning(error: Exception) -> DomainError:
    """Return what the error means for the caller; a broken connection is closed.

    The next query then opens another one.
    """
    if not isinstance(error, DatabaseError | InterfaceError):
        return InternalError("the server made an error; it is logged")
    if connection.connection is None or not connection.is_usable():
        connection.close()
        return _Lost("the database is away", retry_after_s=RETRY_AFTER_S)
    if isinstance(error, OperationalError):
        return Unavailable("the database is busy", retry_after_s=RETRY_AFTER_S)
    return InternalError("the server made an error; it is logged")
