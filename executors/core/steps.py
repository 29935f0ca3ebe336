"""Which moves may one statement make of a row? One step of the law, or a beginning and its end.

What began and ended before either was written takes both steps at once; the state between them is
kept beside the new one, so that history shows each.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeVar

from executors.core.lifecycle import AttemptEvent, TaskEvent

State = TypeVar("State", bound=StrEnum)
Event = TypeVar("Event", bound=StrEnum)

# What may come first: the word that work runs, or that it still does.
BEGINNINGS: Final = frozenset(
    {TaskEvent.STARTED, TaskEvent.ADOPTED, AttemptEvent.STARTED, AttemptEvent.ADOPTED}
)


@dataclass(frozen=True, slots=True)
class Step:
    """A way from one state to another; ``first`` and ``via`` are empty for a single step."""

    from_state: str
    first: str
    event: str
    via: str
    to_state: str


def steps(table: Mapping[tuple[State, Event], State]) -> tuple[Step, ...]:
    """Return every way that the table allows: each of its rows, and each beginning with an end."""
    single = [
        Step(str(state), "", str(event), "", str(after)) for (state, event), after in table.items()
    ]
    double = [
        Step(str(state), str(first), str(event), str(between), str(after))
        for (state, first), between in table.items()
        if first in BEGINNINGS
        for (also, event), after in table.items()
        if also == between
    ]
    return (*single, *double)
