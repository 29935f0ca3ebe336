"""Is whoever a cluster vouches for the pod that we mean?

A service-account token says in which pod it was mounted. Namespaces and names come again, a uid
never does: a pod that was replaced by another of its name is another pod.
"""

from enum import StrEnum

from pools.core.pods import LIVE, PodState
from pools.core.ports import CONFIG_LABEL, POD_LABEL, PodSeen, Reviewed


class Mismatch(StrEnum):
    """Why a token that is good is not that of the pod; stable words of the history."""

    NO_POD = "no_pod"
    OTHER_NAMESPACE = "other_namespace"
    OTHER_NAME = "other_name"
    OTHER_UID = "other_uid"
    NOT_OURS = "not_ours"


def may_ask(state: PodState, uid: str) -> bool:
    """May a pod in this state be given a token, when its uid is this?

    One whose uid is not known yet is on its way: the answer to its creation was lost, or is late.
    """
    return state in LIVE and (bool(uid) or state in {PodState.CREATING, PodState.UNKNOWN})


def mismatch(reviewed: Reviewed, *, namespace: str, name: str, uid: str) -> Mismatch | None:
    """Return in what the bearer differs from the pod; an empty ``uid`` is not known yet."""
    if not (reviewed.pod_name and reviewed.pod_uid):
        return Mismatch.NO_POD
    if reviewed.namespace != namespace:
        return Mismatch.OTHER_NAMESPACE
    if reviewed.pod_name != name:
        return Mismatch.OTHER_NAME
    return Mismatch.OTHER_UID if uid and reviewed.pod_uid != uid else None


def is_ours(seen: PodSeen | None, *, uid: str, config: str, pod: str) -> bool:
    """Is the pod with this uid the one that we asked for? Said by the labels that we gave it."""
    if seen is None or seen.uid != uid:
        return False
    return (seen.labels.get(CONFIG_LABEL), seen.labels.get(POD_LABEL)) == (config, pod)
