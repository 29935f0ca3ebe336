"""When does this process run a dispatch pass, and of which pool?

A nudge marks the pool. Pools that are marked while a pass runs are run after it, once each, however
often they were nudged.
"""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from functools import partial
from uuid import UUID

from executors import conf
from executors.gateway.durations import Durations
from executors.services import dispatch, scaling
from executors.services.dispatch import PassResult
from k8s4r import clock
from k8s4r.api.collector import BatchLimits, Collector
from k8s4r.core.errors import DomainError
from pools.models import Pool

logger = logging.getLogger(__name__)


class Passes:
    """Runs one pass at a time, in a thread of its own, of the pools that were nudged."""

    def __init__(self) -> None:
        self.durations = Durations()
        self.runner: Collector[UUID, PassResult] = Collector(
            self._run, name="passes", limits=BatchLimits(items=1)
        )
        # A dict keeps the order in which pools were marked, each once.
        self._marked: dict[UUID, None] = {}
        self._busy = False

    def nudge(self, pool_ids: Iterable[UUID]) -> None:
        """Run a pass of these pools soon."""
        self._marked.update(dict.fromkeys(pool_ids))
        self._next()

    def _next(self) -> None:
        if self._busy or not self._marked:
            return
        pool_id = next(iter(self._marked))
        del self._marked[pool_id]
        self._busy = True
        self.runner.offer(pool_id).add_done_callback(partial(self._done, pool_id))

    def _done(self, pool_id: UUID, ran: "asyncio.Future[PassResult]") -> None:
        self._busy = False
        error = ran.exception()
        if error is not None:
            # The next look at the waiting pools tries again.
            logger.warning("pass_failed", extra={"pool": str(pool_id), "error": str(error)})
        elif ran.result().more:
            self._marked[pool_id] = None
        self._next()

    def _run(self, pool_ids: Sequence[UUID]) -> list[PassResult | DomainError]:
        results: list[PassResult | DomainError] = []
        for pool_id in pool_ids:
            with self.durations.measured():
                results.append(_pass(pool_id))
        return results


def _pass(pool_id: UUID) -> PassResult:
    now, aging_weight_s = clock.now(), conf.aging_weight_s()
    try:
        result = dispatch.run_pass(pool_id, now=now, aging_weight_s=aging_weight_s)
    except Pool.DoesNotExist:
        # Deleted since the nudge.
        return PassResult()
    scaling.after(
        result,
        pool_id,
        now=now,
        aging_weight_s=aging_weight_s,
        fingerprint=conf.pod_fingerprint,
    )
    return result
