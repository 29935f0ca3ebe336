"""How does Celery run here? Its app, its queues, and the whole beat table.

Celery carries hints only: every task re-reads its rows, may be lost, and may run twice
(docs/states.md). Start a worker ``--without-gossip --without-mingle``, and with
``REMAP_SIGTERM=SIGQUIT`` in its environment, so that a stop hands back what it has not finished.
"""

import os
import sys
from datetime import timedelta
from typing import Any, Final, Protocol

from celery import Celery, Task
from celery.beat import Scheduler
from celery.signals import celeryd_after_setup, task_prerun
from django.conf import settings
from django.db import close_old_connections
from kombu import Exchange, Queue

from executors.clusters import turns
from executors.core import schedule

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "k8s4r.settings")

SWEEPS: Final = "sweeps"
# Clusters have a queue of their own, and never all processes of a worker: those that answer slowly
# must not delay the sweeps.
KUBE: Final = "kube"
QUEUES: Final = (SWEEPS, KUBE)
CANARY_S: Final = 15
DELIVER_S: Final = 5
CLUSTERS_S: Final = 5

# Far above `task_time_limit`: kombu gives a message to a second worker after this time.
VISIBILITY_TIMEOUT_S: Final = 300

# Half-open connections are noticed in 30 s, a Redis that is away does not hold a caller.
TRANSPORT: Final[dict[str, Any]] = {
    "visibility_timeout": VISIBILITY_TIMEOUT_S,
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    "socket_timeout": 30,
    "socket_connect_timeout": 5,
    "socket_keepalive": True,
    "health_check_interval": 10,
}


def beat_table() -> dict[str, dict[str, Any]]:
    """Return every periodic task: the round of short jobs, long jobs, messages, canaries.

    A message that waited for a whole period is dropped: the next one is there already.
    """
    alone = {
        str(job): _sweep(period, job)
        for job, period in schedule.PERIODS.items()
        if job not in schedule.ROUND
    }
    canaries = {
        f"canary.{queue}": {
            "task": "executors.canary",
            "schedule": CANARY_S,
            "args": (queue,),
            "options": {"queue": queue, "expires": CANARY_S},
        }
        for queue in QUEUES
    }
    deliver = {
        "task": "executors.operating.deliver",
        "schedule": DELIVER_S,
        "options": {"queue": SWEEPS, "expires": DELIVER_S},
    }
    clusters = {
        "task": "executors.reconcile_clusters",
        "schedule": CLUSTERS_S,
        "options": {"queue": SWEEPS, "expires": CLUSTERS_S},
    }
    return (
        {"deliver": deliver, "clusters": clusters}
        | {"round": _sweep(schedule.ROUND_EVERY, *schedule.ROUND)}
        | alone
        | canaries
    )


def _sweep(period: timedelta, *jobs: schedule.Job) -> dict[str, Any]:
    return {
        "task": "executors.sweep",
        "schedule": period,
        "args": tuple(str(job) for job in jobs),
        "options": {"queue": SWEEPS, "expires": period.total_seconds()},
    }


class Punctual(Scheduler):
    """Beat without Celery's drift: it would wake 10 ms early and spin until the entry is due."""

    def adjust(self, n: float, drift: float = 0.0) -> float:
        return n + drift if n else n


app = Celery("k8s4r")
app.conf.update(
    broker_url=settings.REDIS_URL,
    broker_transport_options=TRANSPORT,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_pool_acquire_timeout=2,
    result_backend=None,
    result_backend_transport_options={"visibility_timeout": VISIBILITY_TIMEOUT_S},
    visibility_timeout=VISIBILITY_TIMEOUT_S,
    task_ignore_result=True,
    accept_content=["json"],
    task_serializer="json",
    result_serializer="json",
    # An exchange of its own each: on a shared one every queue would get every message.
    task_queues=[Queue(name, Exchange(name), routing_key=name) for name in QUEUES],
    task_default_queue=SWEEPS,
    task_routes={"executors.reconcile_cluster": {"queue": KUBE}},
    task_create_missing_queues=False,
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_time_limit=60,
    task_soft_time_limit=45,
    # Three tries in well under a second: a hint is not worth a caller's time.
    task_publish_retry_policy={
        "max_retries": 3,
        "interval_start": 0,
        "interval_step": 0.1,
        "interval_max": 0.2,
    },
    worker_prefetch_multiplier=1,
    worker_eta_task_limit=1000,
    worker_cancel_long_running_tasks_on_connection_loss=True,
    worker_max_tasks_per_child=1000,
    worker_max_memory_per_child=250_000,
    worker_soft_shutdown_timeout=20,
    worker_enable_remote_control=False,
    worker_send_task_events=False,
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
    # No file, no rows: the table below is all there is.
    beat_scheduler="k8s4r.celery:Punctual",
    beat_schedule=beat_table(),
    enable_utc=True,
    timezone="UTC",
)
# Celery would close the database connection before and after every task: at rest, the logins took
# three quarters of a worker's time, and as much again of PostgreSQL's.
app.conf["CELERY_DB_REUSE_MAX"] = sys.maxsize
app.autodiscover_tasks(["executors", "executors.operating"])


class _Worker(Protocol):
    """What we need to know of a Celery worker."""

    concurrency: int


@celeryd_after_setup.connect
def keep_one_for_sweeps(instance: _Worker, **_details: object) -> None:
    """Leave one process to the sweeps in a worker of both queues, whatever clusters do.

    Before it forks. A worker of one process has none to spare.
    """
    if {SWEEPS, KUBE} <= set(app.amqp.queues.consume_from):
        turns.ROUNDS.limit(max(1, instance.concurrency - 1))


@task_prerun.connect
def renew_connections(sender: "Task[..., None]", **_details: object) -> None:
    """Do before a task what Django does before a request: drop connections that broke or aged."""
    if not sender.request.is_eager:
        close_old_connections()
