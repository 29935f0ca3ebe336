"""How do views reach the cluster of a K8s config?"""

from uuid import UUID

from executors.clusters import opening
from k8s4r.core.errors import DomainError, Unavailable
from pools.core.ports import ClusterPort, ClusterRefused


def of(config_id: UUID) -> ClusterPort:
    """Return the cluster of this config.

    Raises:
        Unavailable, ClusterRefused: it cannot be reached with what the config says now.
    """
    try:
        return opening.means().clusters.open(config_id)
    except (Unavailable, ClusterRefused):
        raise
    except DomainError as error:
        # What is wrong with a config is told to whoever looks after it, and not to a pod.
        raise Unavailable("the cluster of this pod cannot be reached", retry_after_s=10) from error
