"""A control plane with pods for tests: a real gateway, and somebody who works on the cluster.

What the queue `kube` and `manage.py kube_watch` do in a platform is done here by threads, with the
same functions. All of it can be ended and begun again, with nothing remembered but the rows.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID

from django.db import connection

from executors import wakeups
from executors.channels.news import News
from executors.clusters import rounds
from executors.clusters.opening import OpenedClusters
from executors.clusters.rounds import Means
from executors.clusters.watchtower import Watchtower
from pools import conf
from pools.core.sightings import Rules
from tests.serving import Served, served

PERIOD_S = 1.0


@dataclass(eq=False)
class Worker:
    """Works on one cluster: when it is told to, and every second."""

    config_id: UUID
    _look: bool = False
    _told: threading.Event = field(default_factory=threading.Event)
    _over: threading.Event = field(default_factory=threading.Event)

    def tell(self, config_id: UUID) -> bool:
        """Have the cluster looked at soon."""
        self._look = True
        self._told.set()
        return config_id == self.config_id

    def hear(self, news: News) -> None:
        if self.config_id in news.clusters:
            self._told.set()

    def work(self) -> None:
        means = Means(OpenedClusters(), conf.platform(), Rules())
        tower = Watchtower(means, self.tell)
        tower.man(frozenset({self.config_id}))
        try:
            while not self._over.is_set():
                self._told.wait(PERIOD_S)
                self._told.clear()
                look, self._look = self._look, False
                rounds.reconcile(self.config_id, means, look=look)
        finally:
            tower.man(frozenset())
            connection.close()

    def end(self) -> None:
        self._over.set()
        self._told.set()


@contextmanager
def worked_on(config_id: UUID) -> Iterator[None]:
    """Have somebody work on the cluster of a config until the block ends."""
    worker = Worker(config_id)
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
def control_plane(config_id: UUID, port: int) -> Iterator[Served]:
    """Have a whole control plane at this port, which pods have to be told (``POD_URL``)."""
    with served(port) as serving, worked_on(config_id):
        yield serving
