"""How does a request speak to the cluster of a config? It opens it, asks, and closes it.

`kubernetes` costs half a second and 30 MB: it is imported by the first request that needs it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TypeAlias

from k8s4r import clock
from pools import conf
from pools.core.health import Report
from pools.core.ports import ClusterPort, ClusterRefused, Manifest
from pools.kube.cluster import KubeCluster
from pools.models import K8sConfig
from pools.services import configs, health

Opener: TypeAlias = Callable[[K8sConfig], ClusterPort]


@contextmanager
def reached(config: K8sConfig) -> Iterator[ClusterPort]:
    """Open the cluster of a config for a moment.

    Raises:
        DomainError: its credential, its address or its certificates are not good.
    """
    from pools.kube import connect  # noqa: PLC0415 - see the module

    access = configs.access(config, allowed=conf.cluster_networks(), now=clock.now())
    try:
        client = connect.open(access)
    except connect.CannotConnect as error:
        raise ClusterRefused(f"config {config.name}: {error}") from error
    try:
        yield KubeCluster(client, config.namespace)
    finally:
        client.close()


def test(config: K8sConfig, *, now: datetime) -> Report:
    """Look at the cluster of a config now, and keep what it told."""
    return health.check_in(config.pk, lambda: reached(config), now=now)


def dry_run(config: K8sConfig, manifest: Manifest) -> str:
    """Let the cluster say what it would do with a pod; return its words, empty when it takes it.

    Raises:
        DomainError: it does not answer, or it cannot be reached at all.
    """
    with reached(config) as port:
        try:
            port.create_pod(manifest, dry_run=True)
        except ClusterRefused as error:
            return error.message
    return ""
