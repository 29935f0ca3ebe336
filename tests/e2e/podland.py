"""A control plane with pods for tests: a real gateway, and somebody who works on the clusters.

What the worker of the queue `kube` does in a platform is done here by a thread, with the same
function. All of it can be ended and begun again, with nothing remembered but the rows.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from django.db import connection

from executors import wakeups
from executors.channels.news import News
from executors.clusters import rounds
from executors.clusters.opening import OpenedClusters
from executors.clusters.rounds import Means
from k8s4r import clock
from pools import conf
from pools.core.sightings import Rules
from tests.serving import Served, served

PERIOD_S = 1.0


@dataclass(eq=False)
class Worker:
    """Works on every cluster: when it is told to, and every second."""

    _told: threading.Event = field(default_factory=threading.Event)
    _over: threading.Event = field(default_factory=threading.Event)

    def hear(self, news: News) -> None:
        if news.clusters:
            self._told.set()

    def work(self) -> None:
        means = Means(OpenedClusters(), conf.platform(), Rules())
        try:
            while not self._over.is_set():
                self._told.wait(PERIOD_S)
                self._told.clear()
                for config_id in rounds.due(clock.now()):
                    rounds.reconcile(config_id, means, look=True)
        finally:
            connection.close()

    def end(self) -> None:
        self._over.set()
        self._told.set()


@contextmanager
def worked_on() -> Iterator[None]:
    """Have somebody work on the clusters until the block ends."""
    worker = Worker()
    thread = threading.Thread(target=worker.work, name="kube")
    wakeups.LISTENERS.add(worker.hear)
    thread.start()
    try:
        yield
    finally:
        wakeups.LISTENERS.remove(worker.hear)
        worker.end()
        thread.join(60)
        assert not thread.is_alive(), "the worker did not end"


@contextmanager
def control_plane(port: int) -> Iterator[Served]:
    """Have a whole control plane at this port, which pods have to be told (``POD_URL``)."""
    with served(port) as serving, worked_on():
        yield serving
