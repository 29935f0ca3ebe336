"""What does a gateway do by itself, so that work flows with PostgreSQL and a gateway alone?

Every second it runs the periodic jobs that nobody has run yet, and it says that it lives.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any, Final

from executors import conf, sweeps
from executors.core.leases import PulseSource
from executors.services import pulses
from k8s4r import clock
from k8s4r.api.collector import BatchLimits, Collector
from k8s4r.core.errors import DomainError

logger = logging.getLogger(__name__)

SWEEP_EVERY_S: Final = 1.0
PULSE_EVERY_S: Final = 5.0


class Upkeep:
    """The gateway's own loops; an error in one round is logged and the next round comes."""

    def __init__(self) -> None:
        # Each in its own thread: a long sweep must not make the gateway look dead.
        self.pulsing: Collector[None, None] = Collector(
            _pulse, name="pulsing", limits=BatchLimits(items=1)
        )
        self.sweeping: Collector[None, None] = Collector(
            _sweep, name="sweeping", limits=BatchLimits(items=1)
        )

    def all(self) -> Sequence[Collector[Any, Any]]:
        """Return every collector, for counting and closing."""
        return [self.pulsing, self.sweeping]

    async def run(self) -> None:
        """Do both until cancelled."""
        async with asyncio.TaskGroup() as loops:
            loops.create_task(_repeat(self.pulsing, every_s=PULSE_EVERY_S))
            loops.create_task(_repeat(self.sweeping, every_s=SWEEP_EVERY_S))


async def _repeat(work: Collector[None, None], *, every_s: float) -> None:
    while True:
        try:
            await work.submit(None)
        except DomainError as error:
            logger.warning("upkeep_failed", extra={"work": work.name, "error": error.message})
        await asyncio.sleep(every_s)


def _pulse(rounds: Sequence[None]) -> list[DomainError | None]:
    pulses.beat(PulseSource.GATEWAY, now=clock.now(), policy=conf.leases())
    return [None for _ in rounds]


def _sweep(rounds: Sequence[None]) -> list[DomainError | None]:
    sweeps.run_due(clock.now())
    return [None for _ in rounds]
