"""How long does something take, over the life of this process? A histogram of Prometheus."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Final

BOUNDS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0)


class Durations:
    """Counts by bound; one thread writes, and a reader may see a count one ahead of the sum."""

    def __init__(self) -> None:
        self.sum_s = 0.0
        self._counts = [0] * (len(BOUNDS_S) + 1)

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Add what the block takes, also when it fails."""
        began = perf_counter()
        try:
            yield
        finally:
            self.add(perf_counter() - began)

    def add(self, seconds: float) -> None:
        """Add one duration."""
        self.sum_s += seconds
        self._counts[sum(seconds > bound for bound in BOUNDS_S)] += 1

    def buckets(self) -> list[tuple[str, float]]:
        """Return (bound, how many took at most so long), with ``+Inf`` last."""
        so_far = 0
        cumulative = []
        for bound, count in zip((*map(str, BOUNDS_S), "+Inf"), self._counts, strict=True):
            so_far += count
            cumulative.append((bound, float(so_far)))
        return cumulative
