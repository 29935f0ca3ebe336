"""What may a Celery worker be asked to do? Each task takes names or ids and calls one service.

None of them is needed for the fleet to go on: the gateways' loops run the same jobs by the same
ticks.
"""

from typing import Final
from uuid import UUID

from celery import shared_task

from executors import conf, sweeps
from executors.core.schedule import Job
from executors.services import dispatch, pulses
from k8s4r import clock

SWEEP: Final = "executors.sweep"
DISPATCH_POOL: Final = "executors.dispatch_pool"
CANARY: Final = "executors.canary"


@shared_task(name=SWEEP, ignore_result=True)
def sweep(job: str) -> None:
    """Run one periodic job, from beat; expires after its period.

    Lost: a gateway's loop, or the next tick, does it. Twice: the tick's row lets one of them in.
    """
    sweeps.run(Job(job), clock.now())


@shared_task(name=DISPATCH_POOL, ignore_result=True, expires=30)
def dispatch_pool(pool_id: str) -> None:
    """Run one pass over a pool, on a nudge.

    Lost: the dispatch sweep finds the same tasks within seconds. Twice: a second pass finds what
    the first left, and two at once wait for each other on the pool's row.
    """
    dispatch.run_pass(UUID(pool_id), now=clock.now(), aging_weight_s=conf.aging_weight_s())


@shared_task(name=CANARY, ignore_result=True)
def canary(queue: str) -> None:
    """Show that a worker hears this queue, for the watchdog that restarts deaf ones.

    Lost: the next one comes in seconds. Twice: the row says the same.
    """
    pulses.beat(f"queue.{queue}", now=clock.now(), policy=conf.leases())
