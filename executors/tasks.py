"""What may a Celery worker be asked to do? Each task takes names or ids and calls one service.

None of them is needed for the fleet to go on: the gateways' loops run the same jobs by the same
ticks.
"""

from typing import Final

from celery import shared_task

from executors import conf, sweeps
from executors.core.schedule import Job
from executors.services import pulses
from k8s4r import clock

SWEEP: Final = "executors.sweep"
CANARY: Final = "executors.canary"


@shared_task(name=SWEEP, ignore_result=True)
def sweep(*jobs: str) -> None:
    """Run those periodic jobs that are due, from beat; expires when the next round is sent.

    Lost: a gateway's loop, or the next tick, does it. Twice: the tick's row lets one of them in.
    """
    sweeps.run([Job(job) for job in jobs], clock.now())


@shared_task(name=CANARY, ignore_result=True)
def canary(queue: str) -> None:
    """Show that a worker hears this queue, for the watchdog that restarts deaf ones.

    Lost: the next one comes in seconds. Twice: the row says the same.
    """
    pulses.beat(f"queue.{queue}", now=clock.now(), policy=conf.leases())
