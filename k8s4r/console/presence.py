"""When was an agent there? Told by its sessions, which are kept: no heartbeat is stored for it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from k8s4r.pages import span

SHOWN: Final = timedelta(hours=24)
# Shorter than this between two sessions is a restart, not an absence.
_BLINK: Final = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Life:
    """From when to when an agent was heard."""

    begun: datetime
    ended: datetime


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of the time shown in which it was there, or was not."""

    begun: datetime
    length: timedelta
    is_there: bool

    @property
    def seconds(self) -> float:
        return self.length.total_seconds()

    @property
    def word(self) -> str:
        return "here" if self.is_there else "away"

    @property
    def words(self) -> str:
        return f"{self.word} for {span(self.seconds)} from {self.begun:%Y-%m-%d %H:%M:%S} UTC"


@dataclass(frozen=True, slots=True)
class Presence:
    """The stretches of a time in order; ``percent`` of it the agent was there."""

    stretches: Sequence[Stretch]
    percent: float
    longest_absence: str
    restarts: int


def presence(lives: Iterable[Life], *, since: datetime, now: datetime) -> Presence:
    """Return when it was there between two moments.

    ``lives`` may overlap and may reach beyond both ends.
    """
    stretches: list[Stretch] = []
    at, restarts = since, 0
    for life in sorted(lives, key=lambda one: one.begun):
        begun, ended = max(life.begun, since), min(life.ended, now)
        if ended <= at:
            continue
        if begun - at > _BLINK:
            stretches.append(Stretch(at, begun - at, is_there=False))
            at = begun
        restarts += life.begun > since
        stretches.append(Stretch(at, ended - at, is_there=True))
        at = ended
    if now - at > _BLINK:
        stretches.append(Stretch(at, now - at, is_there=False))
    return _summed(stretches, now - since, restarts)


def _summed(stretches: list[Stretch], whole: timedelta, restarts: int) -> Presence:
    there = sum((one.length for one in stretches if one.is_there), timedelta())
    absences = [one.length for one in stretches if not one.is_there]
    longest = span(max(absences).total_seconds()) if absences else ""
    return Presence(stretches, round(100 * there / whole, 1), longest, restarts)
