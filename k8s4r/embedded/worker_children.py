"""Do the processes of a Celery worker end with it? Loaded into the worker by ``--include``.

Killed with -9, a worker leaves its pool and its beat behind for good: they try to reach Redis, and
log that, until somebody comes. Linux only, as `leash`.
"""

import os
import signal

from celery.signals import beat_embedded_init, worker_process_init

from k8s4r.embedded import leash

# This module is imported by the worker itself, before it forks.
WORKER = os.getpid()


@worker_process_init.connect
@beat_embedded_init.connect
def end_with_worker(**_details: object) -> None:
    """Ask the kernel, in each new process of the worker."""
    leash.die_with_parent(WORKER, signal.SIGKILL)
