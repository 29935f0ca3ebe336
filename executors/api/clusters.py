"""How do views reach the cluster of a K8s config?"""

from uuid import UUID

from k8s4r.core.errors import Unavailable
from pools.core.ports import ClusterPort


def of(config_id: UUID) -> ClusterPort:
    """Return the cluster of this config.

    Raises:
        Unavailable: it cannot be reached from here.
    """
    raise Unavailable(f"no adapter for {config_id}")
