"""What may a Celery worker be asked to do? Each task takes names or ids and calls one service.

None of them is needed for the fleet to go on: the gateways' loops run the same jobs by the same
ticks.
"""

from typing import Final
from uuid import UUID

from celery import shared_task

from executors import conf, sweeps
from executors.clusters import opening, rounds, turns
from executors.core.schedule import Job
from executors.services import pulses
from k8s4r import clock

SWEEP: Final = "executors.sweep"
CANARY: Final = "executors.canary"
RECONCILE: Final = "executors.reconcile_cluster"
RECONCILE_ALL: Final = "executors.reconcile_clusters"
# A round of a slow cluster, with 64 calls of up to 33 s by eight threads, ends before.
ROUND_S: Final = 240


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


@shared_task(name=RECONCILE_ALL, ignore_result=True)
def reconcile_clusters() -> None:
    """Ask for a round of every cluster where something is due, from beat; each round is a message.

    Lost: the next tick, or `kube_watch`, does it. Twice: a cluster has one worker at a time.
    """
    for config_id in rounds.due(clock.now()):
        reconcile_cluster.apply_async((str(config_id),), expires=rounds.PERIOD.total_seconds())


@shared_task(name=RECONCILE, ignore_result=True, soft_time_limit=ROUND_S, time_limit=ROUND_S + 15)
def reconcile_cluster(config_id: str, look: bool = False) -> None:
    """Bring one cluster in line with its rows; with ``look`` its pods are listed now.

    Lost, or without a turn: the next one comes in seconds. Twice: the second finds the cluster
    taken, or nothing due.
    """
    with turns.ROUNDS.turn() as has_turn:
        if has_turn:
            rounds.reconcile(UUID(config_id), opening.means(), look=look)
