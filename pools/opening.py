"""How is the cluster of a K8s config opened? By what the config says now; close it afterwards.

`kubernetes` costs half a second and 30 MB: it is imported with the first cluster.
"""

from collections.abc import Callable
from dataclasses import dataclass

from k8s4r import clock
from pools import conf
from pools.core.ports import ClusterPort, ClusterRefused
from pools.kube.cluster import KubeCluster
from pools.models import K8sConfig
from pools.services import configs


@dataclass(frozen=True, slots=True)
class Opened:
    """A cluster that can be called, and what ends that; calls under way end by themselves."""

    port: ClusterPort
    close: Callable[[], None]


def opened(config: K8sConfig) -> Opened:
    """Open the cluster of a config: its host is looked up and checked, and nothing is sent yet.

    Raises:
        DomainError: its credential, its address or its certificates are not good.
    """
    from pools.kube import connect  # noqa: PLC0415 - see the module

    access = configs.access(config, allowed=conf.cluster_networks(), now=clock.now())
    try:
        client = connect.open(access)
    except connect.CannotConnect as error:
        raise ClusterRefused(f"config {config.name}: {error}") from error
    return Opened(KubeCluster(client, config.namespace), client.close)
