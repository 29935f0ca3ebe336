"""Which of this machine's slots is taken, and by what? The runner's own account.

    idle --acquire--> running --release--> idle
                         |--reserve--> reserved --release--> idle

A plan that waits for a decision reserves its slot: only the apply of that very plan gets it.
"""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class _Occupant:
    attempt: UUID
    is_plan: bool = False


class Slots:
    """At most one attempt for each slot. Only what is taken is kept; the others are idle."""

    def __init__(self) -> None:
        self._taken: dict[int, _Occupant] = {}

    def __len__(self) -> int:
        return len(self._taken)

    def occupants(self) -> list[UUID]:
        """Return the attempts that have a slot."""
        return [one.attempt for one in self._taken.values()]

    def acquire(self, index: int, attempt: UUID) -> None:
        """Take an idle slot."""
        self._taken[index] = _Occupant(attempt)

    def reserve(self, index: int, attempt: UUID) -> None:
        """Keep a slot for whatever is to come after this attempt."""
        self._taken[index] = _Occupant(attempt, is_plan=True)

    def release(self, index: int, attempt: UUID) -> None:
        """Give a slot back; what another has by now stays."""
        found = self._taken.get(index)
        if found is not None and found.attempt == attempt:
            del self._taken[index]

    def is_open_to(self, index: int, after: UUID | None = None) -> bool:
        """Is it idle, or reserved by the attempt that this one comes after?"""
        found = self._taken.get(index)
        return found is None or (found.is_plan and found.attempt == after)
