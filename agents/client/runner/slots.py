"""Which of this machine's slots is taken, by what, and since when? The runner's own account.

    idle --acquire--> running --release--> idle
                         |--reserve--> reserved --release--> idle

A plan that waits for a decision reserves its slot: only the apply of that very plan gets it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class Use(StrEnum):
    """What a slot is good for now."""

    IDLE = "idle"
    RUNNING = "running"
    RESERVED = "reserved"


@dataclass(frozen=True, slots=True)
class SlotStatus:
    """One slot: what occupies it (an attempt), and the moment since when, on the agent's clock."""

    index: int
    use: Use = Use.IDLE
    attempt: UUID | None = None
    since: float = 0.0


class Slots:
    """At most one attempt for each slot. Only what is taken is kept; the others are idle."""

    def __init__(self) -> None:
        self._taken: dict[int, SlotStatus] = {}

    def __len__(self) -> int:
        return len(self._taken)

    def __iter__(self) -> Iterator[SlotStatus]:
        return iter(list(self._taken.values()))

    def acquire(self, index: int, attempt: UUID, *, now: float) -> bool:
        """Take an idle slot; say whether it was got."""
        if index in self._taken:
            return False
        self._taken[index] = SlotStatus(index, Use.RUNNING, attempt, now)
        return True

    def reserve(self, index: int, attempt: UUID, *, now: float) -> None:
        """Keep a slot for whatever is to come after this attempt."""
        self._taken[index] = SlotStatus(index, Use.RESERVED, attempt, now)

    def release(self, index: int, attempt: UUID) -> None:
        """Give a slot back; what another has by now stays."""
        found = self._taken.get(index)
        if found is not None and found.attempt == attempt:
            del self._taken[index]

    def is_open_to(self, index: int, after: UUID | None = None) -> bool:
        """Is it idle, or reserved by the attempt that this one comes after?"""
        found = self._taken.get(index)
        return found is None or (found.use is Use.RESERVED and found.attempt == after)

    def status(self, indexes: Iterable[int]) -> list[SlotStatus]:
        """Return how these slots are, idle ones too, in their order."""
        return [self._taken.get(index, SlotStatus(index)) for index in indexes]
