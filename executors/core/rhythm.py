"""When is a cluster looked at after word that something changed in it? Soon, and not all the time.

Changes come together, and what we do there ourselves is among them: of a pool whose pods come and
go there is word many times a second, and each look reads all of its pods. Seconds are those of any
clock that only goes forward.
"""

from dataclasses import dataclass
from math import inf


@dataclass(eq=False, slots=True)
class Rhythm:
    """The looks at one cluster: a moment after the first word, and so long after the last look."""

    gather_s: float = 1.0
    apart_s: float = 5.0
    _heard_at: float | None = None
    _looked_at: float = -inf

    def heard(self, at: float) -> bool:
        """Note that something changed; return whether it is the first word since a look began."""
        if self._heard_at is not None:
            return False
        self._heard_at = at
        return True

    def wait_s(self, at: float) -> float:
        """Return how long it is until the next look; without end while there is no word."""
        if self._heard_at is None:
            return inf
        return max(self._heard_at + self.gather_s, self._looked_at + self.apart_s, at) - at

    def looks(self, at: float) -> None:
        """Note that a look begins: what is heard from now on is for the next one."""
        self._heard_at, self._looked_at = None, at
