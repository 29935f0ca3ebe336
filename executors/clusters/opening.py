"""How does a process come to the clusters of the K8s configs? Opened when needed, and kept.

`kubernetes` costs half a second and 30 MB: it is imported with the first cluster.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from uuid import UUID

from executors.clusters.rounds import Means
from k8s4r import clock
from k8s4r.core.errors import NotFound
from pools import conf
from pools.core.ports import ClusterPort, ClusterRefused
from pools.core.sightings import Rules
from pools.kube.cluster import KubeCluster
from pools.models import K8sConfig
from pools.services import configs


@dataclass(frozen=True, slots=True)
class _Opened:
    """A cluster, as its config was when it was opened."""

    as_of: datetime
    port: ClusterPort
    close: Callable[[], None]


@dataclass(eq=False)
class OpenedClusters:
    """The clusters that this process has opened; a changed config opens its own anew."""

    _opened: dict[UUID, _Opened] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def open(self, config_id: UUID) -> ClusterPort:
        """Return the cluster of a config.

        Raises:
            NotFound: there is no such config.
            DomainError: its credential, its address or its certificates are not good.
        """
        config = K8sConfig.objects.filter(pk=config_id, archived_at=None).first()
        if config is None:
            raise NotFound(f"there is no K8s config {config_id}")
        with self._lock:
            known = self._opened.get(config_id)
        if known is not None and known.as_of == config.changed_at:
            return known.port
        self.forget(config_id)
        opened = _open(config)
        with self._lock:
            self._opened[config_id] = opened
        return opened.port

    def forget(self, config_id: UUID) -> None:
        """Open it anew next time; calls that are under way end by themselves."""
        with self._lock:
            known = self._opened.pop(config_id, None)
        if known is not None:
            known.close()


def _open(config: K8sConfig) -> _Opened:
    from pools.kube import connect  # noqa: PLC0415 - see the module

    try:
        access = configs.access(config, allowed=conf.cluster_networks(), now=clock.now())
        client = connect.open(access)
    except connect.CannotConnect as error:
        raise ClusterRefused(f"config {config.name}: {error}") from error
    return _Opened(config.changed_at, KubeCluster(client, config.namespace), client.close)


@cache
def means() -> Means:
    """Return what rounds in this process work with."""
    return Means(OpenedClusters(), conf.platform(), Rules())
