"""How many requests may wait for one cluster at once? Few: each of them holds a thread of ours.

A cluster that does not answer is asked again only after a while; until then its pods are told to
come back. Those of other clusters do not notice.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final
from uuid import UUID

from k8s4r.core.errors import Unavailable
from pools.core.ports import ClusterUnreachable

AT_ONCE: Final = 2
# A review takes milliseconds: who is not let in by then does not wait for a busy cluster.
PATIENCE_S: Final = 0.5
AWAY_S: Final = 5.0


class Reviewers:
    """Lets a few ask each cluster; for one process."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._doors: dict[UUID, threading.Semaphore] = defaultdict(
            lambda: threading.Semaphore(AT_ONCE)
        )
        self._away_until: dict[UUID, float] = {}

    @contextmanager
    def turn(self, config_id: UUID) -> Iterator[None]:
        """Ask the cluster of this config in the block.

        Raises:
            Unavailable: it did not answer a moment ago, or too many ask it; says when to come.
        """
        left_s = self._away_until.get(config_id, 0.0) - self._monotonic()
        if left_s > 0:
            raise Unavailable("the cluster does not answer", retry_after_s=left_s)
        with self._lock:
            door = self._doors[config_id]
        if not door.acquire(timeout=PATIENCE_S):
            raise Unavailable("too many ask this cluster at once", retry_after_s=1.0)
        try:
            yield
        except ClusterUnreachable:
            self._away_until[config_id] = self._monotonic() + AWAY_S
            raise
        finally:
            door.release()


REVIEWERS: Final = Reviewers()
