"""How does a request speak to the cluster of a config? It opens it, asks, and closes it."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime

from pools import opening
from pools.core.health import Report
from pools.core.ports import ClusterPort, ClusterRefused, Manifest
from pools.models import K8sConfig
from pools.services import health


@contextmanager
def reached(config: K8sConfig) -> Iterator[ClusterPort]:
    """Open the cluster of a config for a moment.

    Raises:
        DomainError: its credential, its address or its certificates are not good.
    """
    with closing(opening.opened(config)) as cluster:
        yield cluster.port


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
