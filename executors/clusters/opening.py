"""How does a process come to the clusters of the K8s configs? Opened when needed, and kept a while.

An opened cluster goes to the addresses that its name had then: it is opened anew after a minute,
so that a cluster that moved is found by processes that only ask it now and then.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Final
from uuid import UUID

from executors.clusters.rounds import Means
from k8s4r.core.errors import NotFound
from pools import conf, opening
from pools.core.ports import ClusterPort
from pools.core.sightings import Rules
from pools.models import K8sConfig
from pools.opening import Opened

KEPT_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class _Kept:
    """An opened cluster, as its config was when it was opened, and until when it is good."""

    as_of: datetime
    until_s: float
    cluster: Opened


@dataclass(eq=False)
class OpenedClusters:
    """The clusters that this process has opened; a changed config opens its own anew."""

    opener: Callable[[K8sConfig], Opened] = opening.opened
    monotonic: Callable[[], float] = time.monotonic
    _kept: dict[UUID, _Kept] = field(default_factory=dict)
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
            known = self._good(config)
        return known.port if known is not None else self._keep(config, self.opener(config)).port

    def forget(self, config_id: UUID) -> None:
        """Open it anew next time; calls that are under way end by themselves."""
        with self._lock:
            known = self._kept.pop(config_id, None)
        if known is not None:
            known.cluster.close()

    def _good(self, config: K8sConfig) -> Opened | None:
        known = self._kept.get(config.pk)
        if known is None or known.as_of != config.changed_at or known.until_s <= self.monotonic():
            return None
        return known.cluster

    def _keep(self, config: K8sConfig, made: Opened) -> Opened:
        """Keep what was opened, unless another thread was faster; close the one that is not kept.

        A name server may be slow, so that nothing is locked while a cluster is opened.
        """
        with self._lock:
            faster = self._good(config)
            before = None if faster else self._kept.pop(config.pk, None)
            if faster is None:
                until_s = self.monotonic() + KEPT_S
                self._kept[config.pk] = _Kept(config.changed_at, until_s, made)
        if faster is not None:
            made.close()
            return faster
        if before is not None:
            before.cluster.close()
        return made


@cache
def means() -> Means:
    """Return what rounds in this process work with."""
    return Means(OpenedClusters(), conf.platform(), Rules())
