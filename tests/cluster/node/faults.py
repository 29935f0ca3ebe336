"""What goes wrong with a pod on purpose? An annotation says so, on the pod or on its namespace.

======================  ==========================================================================
``k8s4r.test/fault``    what is seen
======================  ==========================================================================
``image_pull``          Pending; waiting ErrImagePull, then ImagePullBackOff
``stuck``               Pending; waiting ContainerCreating, for ever
``oom_killed``          the containers are killed: terminated, 137, OOMKilled
``evicted``             the pod is killed: Failed, reason Evicted
``unkillable``          Running; SIGTERM and deletion have no effect, only force has
======================  ==========================================================================

Taken away or set to ``none``, the first two go on as if nothing had been. The pod's own annotation
comes before its namespace's; the namespace's is read once, when the pod comes to the node.
"""

from enum import StrEnum
from typing import Any

Json = dict[str, Any]
ANNOTATION = "k8s4r.test/fault"


class Fault(StrEnum):
    """One way to go wrong."""

    NONE = "none"
    IMAGE_PULL = "image_pull"
    STUCK = "stuck"
    OOM_KILLED = "oom_killed"
    EVICTED = "evicted"
    UNKILLABLE = "unkillable"


# Those that keep a pod from starting.
BEFORE_START = frozenset({Fault.IMAGE_PULL, Fault.STUCK})
EVICTION_MESSAGE = (
    "The node was low on resource: memory. Threshold quantity: 100Mi, available: 42Mi."
)


def of(pod: Json, namespace: Json) -> Fault:
    """Return the pod's fault; an unknown name is none."""
    for metadata in (pod["metadata"], namespace["metadata"]):
        named = metadata.get("annotations", {}).get(ANNOTATION)
        if named is not None:
            return Fault(named) if named in set(Fault) else Fault.NONE
    return Fault.NONE
