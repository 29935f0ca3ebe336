"""Which reports may the link have next?

Only what is durable, each attempt's in order, attempts in turn (a flood of one must not hold up
the results of others), and no more than a window at a time: a link must not become the buffer
while the server is away.
"""

from collections import deque
from collections.abc import Iterable
from typing import Final
from uuid import UUID

from agents.client.runner.attempt import Attempt
from agents.client.runner.records import Entry, Noted
from agents.client.runner.spool import Spool
from agents.client.seam import Item

WINDOW_BYTES: Final = 4 * 1024 * 1024
WINDOW_ITEMS: Final = 4000
TURN_ITEMS: Final = 8


class Outbox:
    """What the present link has in hand, and who is next."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._queue: deque[Attempt] = deque()
        self._queued: set[UUID] = set()
        self._in_flight: dict[tuple[UUID, int], int] = {}
        self._bytes = 0

    def offer(self, attempt: Attempt) -> None:
        """Put an attempt in the queue; it stays there while it has something unsent."""
        if attempt.id not in self._queued:
            self._queued.add(attempt.id)
            self._queue.append(attempt)

    def restart(self, held: Iterable[Attempt]) -> None:
        """Begin again for a new link: everything that is not acknowledged is sent again."""
        self._queue.clear()
        self._queued.clear()
        self._in_flight.clear()
        self._bytes = 0
        for attempt in held:
            attempt.sent = attempt.acked
            self.offer(attempt)

    def take(self, *, durable: int) -> list[Item]:
        """Return what the link may have now, within its window."""
        items: list[Item] = []
        waiting: list[Attempt] = []
        while self._queue and self._has_room():
            attempt = self._queue.popleft()
            taken = self._take_turn(attempt, durable)
            items += taken
            if len(taken) == TURN_ITEMS:
                self._queue.append(attempt)
            elif _has_unsent(attempt):
                waiting.append(attempt)
            else:
                self._queued.discard(attempt.id)
        self._queue.extend(waiting)
        return items

    def settle(self, attempt: UUID, seq: int) -> None:
        """The link has an outcome for this report."""
        self._bytes -= self._in_flight.pop((attempt, seq), 0)

    def rewind(self, attempt: Attempt, expected: int, *, at: float) -> list[Item]:
        """Send again from ``expected``; return stand-ins for what is not kept any more.

        That happens when the server was restored from a backup: it asks for what it once had.
        """
        fillers = [
            Item(attempt.id, seq, self._spool.filler(attempt, seq, at=at))
            for seq in range(expected, attempt.acked + 1)
        ]
        attempt.sent = max(expected - 1, attempt.acked)
        for seq in range(expected, attempt.next_seq):
            self.settle(attempt.id, seq)
        self.offer(attempt)
        return fillers

    def _has_room(self) -> bool:
        return self._bytes < WINDOW_BYTES and len(self._in_flight) < WINDOW_ITEMS

    def _take_turn(self, attempt: Attempt, durable: int) -> list[Item]:
        ready = _unsent(attempt, durable)
        return [self._item(attempt, entry) for entry in ready]

    def _item(self, attempt: Attempt, entry: Entry) -> Item:
        body = self._spool.body(attempt, entry)
        attempt.sent = entry.seq
        self._in_flight[attempt.id, entry.seq] = len(body)
        self._bytes += len(body)
        return Item(attempt.id, entry.seq, body, urgent=isinstance(entry, Noted) and entry.last)


def _unsent(attempt: Attempt, durable: int) -> list[Entry]:
    """Return the next few entries that are durable; entries are dense in ``seq``."""
    if not attempt.entries:
        return []
    skip = attempt.sent + 1 - attempt.entries[0][0].seq
    ready: list[Entry] = []
    for index in range(max(skip, 0), min(skip + TURN_ITEMS, len(attempt.entries))):
        entry, position = attempt.entries[index]
        if position > durable:
            break
        ready.append(entry)
    return ready


def _has_unsent(attempt: Attempt) -> bool:
    return bool(attempt.entries) and attempt.entries[-1][0].seq > attempt.sent
