"""When does this process run a dispatch pass, and of which pool?

A nudge marks the pool. Pools that are marked while a pass runs are run after it, once each, however
often they were nudged.
"""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from executors import conf, sweeps
from executors.gateway.durations import Durations
from executors.services import dispatch
from executors.services.dispatch import PassResult
from k8s4r import clock
from k8s4r.api.collector import BatchLimits, Collector
from k8s4r.core.errors import DomainError
from pools.models import Pool

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Turn:
    """A pool's pass; or, after one that left something for pods, the look at its pods."""

    pool_id: UUID
    left: PassResult | None = None


class Passes:
    """Runs one pass at a time, in a thread of its own, of the pools that were nudged."""

    def __init__(self) -> None:
        self.durations = Durations()
        self.runner: Collector[_Turn, PassResult] = Collector(
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
        self._take(_Turn(pool_id))

    def _take(self, turn: _Turn) -> None:
        self.runner.offer(turn).add_done_callback(partial(self._done, turn))

    def _done(self, turn: _Turn, ran: "asyncio.Future[PassResult]") -> None:
        error = ran.exception()
        if error is not None:
            # The next look at the waiting pools, or at those with pods, tries again.
            event = "pass_failed" if turn.left is None else "scaling_failed"
            logger.warning(event, extra={"pool": str(turn.pool_id), "error": str(error)})
        elif turn.left is None:
            if ran.result().more:
                self._marked[turn.pool_id] = None
            if ran.result().wants_pods:
                self._take(_Turn(turn.pool_id, ran.result()))
                return
        self._busy = False
        self._next()

    def _run(self, turns: Sequence[_Turn]) -> list[PassResult | DomainError]:
        return [self._pass(turn.pool_id) if turn.left is None else _look(turn.pool_id, turn.left)
                for turn in turns]  # fmt: skip

    def _pass(self, pool_id: UUID) -> PassResult:
        with self.durations.measured():
            try:
                return dispatch.run_pass(
                    pool_id, now=clock.now(), aging_weight_s=conf.aging_weight_s()
                )
            except Pool.DoesNotExist:
                # Deleted since the nudge.
                return PassResult()


def _look(pool_id: UUID, left: PassResult) -> PassResult:
    sweeps.scale_after(left, pool_id, now=clock.now())
    return left
