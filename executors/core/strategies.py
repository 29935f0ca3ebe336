"""Which of the fitting agents gets the next task?

A chooser belongs to one requirement and one pass. It is asked again and again; an agent that did
not fit once does not fit later in the pass, because room only shrinks, so it is never asked about
twice. That keeps a pass linear in tasks plus pairs, whatever the strategy.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from enum import StrEnum
from heapq import heappop, heappush, heapreplace
from random import Random
from typing import Protocol, TypeAlias
from uuid import UUID

Fits: TypeAlias = Callable[[int], bool]


class Strategy(StrEnum):
    """How a pool chooses among agents that fit."""

    ROUND_ROBIN = "round_robin"
    LEAST_BUSY = "least_busy"
    RANDOM = "random"
    LABEL_MATCH = "label_match"
    # Of pools with pods, whatever they are set to.
    PACKED = "packed"


class Chooser(Protocol):
    """Chooses an agent by its index in the list of candidates."""

    def choose(self, fits: Fits) -> int | None:
        """Return the best agent that fits, or ``None`` when none is left."""


class Turn:
    """The place of the round robin: shared by all requirements of a pass."""

    def __init__(self, agent_ids: Sequence[UUID], cursor: UUID | None) -> None:
        """Start after the agent ``cursor``, in the order of ids, wherever it has gone."""
        self.cursor = cursor
        self._agent_ids = agent_ids
        self.start = bisect_right(agent_ids, cursor) if cursor is not None else 0

    def served(self, index: int) -> None:
        """Go on after this agent."""
        self.cursor = self._agent_ids[index]
        self.start = index + 1


class RoundRobin:
    """The next agent after the one served last."""

    def __init__(self, turn: Turn, size: int) -> None:
        self._turn = turn
        self._ring = _Ring(size)

    def choose(self, fits: Fits) -> int | None:
        """Return the first agent that fits after the turn's place, and move the turn there."""
        index = self._ring.first(self._turn.start, fits)
        if index is not None:
            self._turn.served(index)
        return index


class InOrder:
    """Always the first agent that fits in a fixed order."""

    def __init__(self, order: Sequence[int]) -> None:
        self._order = order
        self._at = 0

    def choose(self, fits: Fits) -> int | None:
        """Return the first agent in the order that fits."""
        while self._at < len(self._order):
            index = self._order[self._at]
            if fits(index):
                return index
            self._at += 1
        return None


class LeastBusy:
    """The agent with the smallest share of its slots in use; ties go to the lower id."""

    def __init__(self, ordered: Sequence[tuple[float, int]], share: Callable[[int], float]) -> None:
        """Begin with (share, index) sorted; ``share`` tells what it has become since."""
        self._heap = list(ordered)
        self._share = share

    def choose(self, fits: Fits) -> int | None:
        """Return the emptiest agent that fits; shares only grow within a pass."""
        heap = self._heap
        while heap:
            share, index = heap[0]
            if not fits(index):
                heappop(heap)
            elif (now := self._share(index)) > share:
                heapreplace(heap, (now, index))
            else:
                return index
        return None


class Packed:
    """The fullest agent that fits, so that others empty and can go; ties go to the older one."""

    def __init__(
        self,
        ordered: Sequence[tuple[float, int, int]],
        share: Callable[[int], float],
        taken: Sequence[int],
    ) -> None:
        """Begin with (minus share, rank by age, index), sorted.

        ``taken`` grows with each slot that anybody takes in this pass: shares only grow, and what
        has grown since it was put into the heap is put in again.
        """
        self._heap = list(ordered)
        self._share = share
        self._rank = {index: rank for _, rank, index in ordered}
        self._taken = taken
        self._read = 0

    def choose(self, fits: Fits) -> int | None:
        """Return the fullest agent that fits."""
        heap = self._heap
        for index in self._taken[self._read :]:
            heappush(heap, (-self._share(index), self._rank[index], index))
        self._read = len(self._taken)
        while heap:
            share, _, index = heap[0]
            if -share == self._share(index) and fits(index):
                return index
            heappop(heap)
        return None


class Lottery:
    """Any agent that fits, each as likely as the other."""

    def __init__(self, size: int, random: Random) -> None:
        self._tickets = list(range(size))
        self._random = random

    def choose(self, fits: Fits) -> int | None:
        """Return an agent by lot; those that do not fit lose their ticket."""
        tickets = self._tickets
        while tickets:
            at = self._random.randrange(len(tickets))
            if fits(tickets[at]):
                return tickets[at]
            tickets[at] = tickets[-1]
            tickets.pop()
        return None


class _Ring:
    """Indexes 0 to size - 1 in a circle, from which those that do not fit drop out.

    ``_next`` is a union-find: from a dropped index it leads to the first that is left after it.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._next = list(range(size + 1))

    def first(self, start: int, fits: Fits) -> int | None:
        found = self._first_between(start, self._size, fits)
        return found if found is not None else self._first_between(0, start, fits)

    def _first_between(self, start: int, end: int, fits: Fits) -> int | None:
        index = self._left_from(start)
        while index < end:
            if fits(index):
                return index
            self._next[index] = index + 1
            index = self._left_from(index + 1)
        return None

    def _left_from(self, index: int) -> int:
        following = self._next
        while following[index] != index:
            following[index] = following[following[index]]
            index = following[index]
        return index
