"""Which reports go into the next request, and what does its answer mean?

One request at a time: what arrives while one is under way goes into the next. When the next one
starts is `session.step`'s to say. Nothing here is precious: the runner has it all.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from agents.client.link.vocabulary import Backlog
from agents.client.seam import Item
from agents.wire.messages import REPORT_ITEMS, Outcome

BATCH_BYTES: Final = 2 * 1024 * 1024
# From here on the fixed price of a request is small beside that of its reports.
PLENTY_ITEMS: Final = 32


def plenty_for(slots: int) -> int:
    """Return how many reports need not wait for more: of few slots few can come."""
    return max(1, min(PLENTY_ITEMS, slots))


@dataclass(slots=True)
class Reporter:
    """What waits, what is under way, and how large the next batch may be.

    A batch that the server rejects as a whole is cut in halves until the one item is found that
    it does not take. ``plenty_items`` need not wait for company.
    """

    plenty_items: int = PLENTY_ITEMS
    _waiting: deque[Item] = field(default_factory=deque)
    _under_way: list[Item] = field(default_factory=list)
    _size_limit: int = REPORT_ITEMS

    @property
    def backlog(self) -> Backlog:
        if len(self._waiting) >= self.plenty_items:
            return Backlog.PLENTY
        if not self._waiting:
            return Backlog.NOTHING
        return Backlog.URGENT if any(one.urgent for one in self._waiting) else Backlog.CALM

    def offer(self, items: list[Item]) -> None:
        """Add reports behind those that wait."""
        self._waiting.extend(items)

    def take(self) -> list[Item]:
        """Return the next batch; it is under way until `delivered`, `failed` or `rejected`."""
        size = 0
        while self._waiting and len(self._under_way) < self._size_limit:
            size += len(self._waiting[0].body)
            if self._under_way and size > BATCH_BYTES:
                break
            self._under_way.append(self._waiting.popleft())
        return self._under_way

    def delivered(self, results: list[Outcome]) -> list[Outcome]:
        """Return the outcomes that the runner must know.

        One gap per attempt is enough: everything behind it has the same fate. What the answer
        does not mention is sent again.
        """
        self._size_limit = REPORT_ITEMS
        answered = {(outcome.attempt, outcome.seq) for outcome in results}
        self._retry([item for item in self._under_way if (item.attempt, item.seq) not in answered])
        return _first_gaps(results)

    def failed(self) -> None:
        """The request came to nothing: the same reports go first next time."""
        self._retry(self._under_way)

    def rejected(self) -> Item | None:
        """The server does not take this batch; return the item when it is only one.

        Such an item is put behind all others, so that it holds up nothing but its own attempt.
        """
        if len(self._under_way) > 1:
            self._size_limit = max(1, len(self._under_way) // 2)
            self._retry(self._under_way)
            return None
        poison = self._under_way[0]
        self._under_way = []
        self._size_limit = REPORT_ITEMS
        own = [item for item in self._waiting if item.attempt == poison.attempt]
        others = [item for item in self._waiting if item.attempt != poison.attempt]
        self._waiting = deque([*others, poison, *own])
        return poison

    def _retry(self, items: list[Item]) -> None:
        self._waiting.extendleft(reversed(items))
        self._under_way = []


def _first_gaps(results: list[Outcome]) -> list[Outcome]:
    kept: list[Outcome] = []
    gaps: set[UUID] = set()
    for outcome in results:
        if outcome.status == "gap":
            if outcome.attempt in gaps:
                continue
            gaps.add(outcome.attempt)
        kept.append(outcome)
    return kept
