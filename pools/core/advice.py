"""What is meant by the reason why a pod does not work, and what does a person do about it?"""

from dataclasses import dataclass
from typing import Final

from pools.core.pods import PodFailure


@dataclass(frozen=True, slots=True)
class Remedy:
    """What a failure means, and what helps; one sentence each."""

    meaning: str
    advice: str


NOTHING: Final = Remedy("", "")
_F = PodFailure
REMEDIES: Final = {
    _F.IMAGE_PULL: Remedy(
        "The node cannot fetch the image.",
        "Check the image's name and digest in the pod template, and the pull secrets of its"
        " K8s config.",
    ),
    _F.UNSCHEDULABLE: Remedy(
        "The scheduler finds no node for it.",
        "Ask for less in the pod template, or add nodes; the message says what each node lacks.",
    ),
    _F.QUOTA: Remedy(
        "A quota of the namespace is used up.",
        "Raise the ResourceQuota of the namespace, or lower max_pods of the pool.",
    ),
    _F.OOM_KILLED: Remedy(
        "It used more memory than its limit.",
        "Raise the memory limit in the pod template, or let its tasks use less.",
    ),
    _F.EVICTED: Remedy(
        "Its node was short of memory or disk and threw it out.",
        "Set requests in the pod template as high as what the tasks use, or use larger nodes.",
    ),
    _F.AGENT_NEVER_CONNECTED: Remedy(
        "It runs, but its agent has not said hello.",
        "Read its log; the pod must reach K8S4R_POD_URL and its token must be accepted.",
    ),
    _F.CRASH_LOOP: Remedy(
        "Its agent ends again and again.",
        "Read the end of its log; mostly the image or its environment is wrong.",
    ),
    _F.NODE_LOST: Remedy(
        "Its node does not answer, or is gone.",
        "Look at the node: work on it may still run, and the pod counts until Kubernetes lets it"
        " go. Delete the Node object once the machine is surely off.",
    ),
}


def remedy(code: str) -> Remedy:
    """Return what a failure code means and what helps; nothing for a pod that has not failed."""
    return REMEDIES.get(PodFailure(code), NOTHING)
