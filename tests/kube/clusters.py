"""A real cluster as the product reaches it: its own account, and the port on the real client."""

from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from urllib.parse import urlsplit

from pools.core.access import Access, Credential
from pools.core.ports import CONFIG_LABEL, MANAGED_BY, OURS, POD_LABEL, Manifest
from pools.kube import connect
from pools.kube.cluster import KubeCluster
from tests.cluster.namespaces import Access as ProductAccess
from tests.cluster.namespaces import a_pod


def access_of(told: ProductAccess, *, server: str | None = None, config: str = "c") -> Access:
    """Return what `configs` makes of what the product is told; ``server`` may be a proxy's."""
    address = server or told.server
    host = urlsplit(address).hostname or ""
    return Access(
        config=config,
        server=address,
        addresses=(ip_address("127.0.0.1" if host == "localhost" else host),),
        ca=told.ca_pem,
        namespace=told.namespace,
        credential=Credential(token=told.token),
    )


@contextmanager
def reached(told: ProductAccess, *, server: str | None = None) -> Iterator[KubeCluster]:
    """Open the port to a cluster, and close it again."""
    client = connect.open(access_of(told, server=server))
    try:
        yield KubeCluster(client, told.namespace)
    finally:
        client.close()


def ours(name: str, *command: str, config: str = "c", pod: str = "") -> Manifest:
    """Return a pod with our labels that Pod Security lets in."""
    made = a_pod(name, *(command or ("sleep", "1000")))
    labels = {MANAGED_BY: OURS, CONFIG_LABEL: config, POD_LABEL: pod or name}
    made["metadata"] = {**made["metadata"], "name": name, "labels": labels}
    return made
