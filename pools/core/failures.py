"""Does a pod work, and if not: why, what may be done about it, and is it worth waiting?

image_pull              its image cannot be pulled
unschedulable           no node takes it
quota                   the namespace leaves no room (said when the pod is made)
oom_killed              its container used more memory than it may
evicted                 its node, or somebody, put it out
crash_loop              its container cannot start, or ends again and again
agent_never_connected   it runs, and its agent has never said hello
node_lost               its node does not answer, or is gone
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from pools.core.pods import PodFailure
from pools.core.ports import ContainerSeen, PodSeen

MESSAGE_CHARACTERS: Final = 1024

_F = PodFailure

ADVICE: Final[Mapping[PodFailure, str]] = {
    _F.IMAGE_PULL: "Check the image's name and digest in the pod template, that the registry can "
    "be reached from the nodes, and the config's image pull secrets.",
    _F.UNSCHEDULABLE: "No node has room or fits: add nodes, or ask for less in the pod template.",
    _F.QUOTA: "Raise the ResourceQuota of the namespace, or lower max_pods of the pool.",
    _F.OOM_KILLED: "Raise the memory limit in the pod template, or run fewer heavy tasks at once.",
    _F.EVICTED: "The node was drained or ran out of something: look at the node; nothing is to be "
    "done if it was maintenance.",
    _F.AGENT_NEVER_CONNECTED: "The pod runs and cannot reach the platform: check K8S4R_POD_URL, "
    "network policies, DNS and certificates; its log says what it tried.",
    _F.CRASH_LOOP: "Read the kept log of the pod: its container ends right after its start.",
    _F.NODE_LOST: "Look at the node: its kubelet does not answer. Work on it may still run; delete "
    "the Node object once the machine is surely off.",
}

_PULLING: Final = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "ErrImageNeverPull",
        "ImageInspectError",
        "RegistryUnavailable",
        "SignatureValidationFailed",
    }
)
_NEVER_PULLED: Final = frozenset({"InvalidImageName"})
_STARTING_FAILS: Final = frozenset(
    {
        "CreateContainerConfigError",
        "CreateContainerError",
        "RunContainerError",
        "PreCreateHookError",
        "PostStartHookError",
    }
)
_BACK_OFF: Final = "CrashLoopBackOff"
_OOM: Final = "OOMKilled"
_ENDED: Final = frozenset({"Succeeded", "Failed"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a pod's trouble may last, counted from its creation, before it counts as failed.

    Registries and cluster autoscalers need minutes; Kubernetes itself tries again meanwhile.
    ``restarts``: so many, and it is in back-off again.
    """

    pull: timedelta = timedelta(minutes=2)
    schedule: timedelta = timedelta(minutes=5)
    connect: timedelta = timedelta(minutes=3)
    restarts: int = 3


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong with a pod; ``is_final``: waiting longer is not worth it."""

    code: PodFailure
    message: str
    is_final: bool = False


def advice(code: str) -> str:
    """Return what a person does about a failure; empty for a pod that has not failed."""
    return ADVICE.get(PodFailure(code), "")


def has_ended(seen: PodSeen) -> bool:
    """Is it in a terminal phase? Nothing of it runs any more, and nothing will."""
    return seen.phase in _ENDED


def trouble_of(
    seen: PodSeen, *, age: timedelta, has_connected: bool, patience: Patience
) -> Trouble | None:
    """Return what is wrong with a pod, ``None`` when nothing is.

    Args:
        age: since its row was made.
        has_connected: its agent has opened a session at some time.
    """
    if seen.phase == "Failed":
        return _of_ended(seen)
    waiting = _of_waiting(seen.container, age=age, patience=patience)
    if waiting is not None:
        return waiting
    if seen.unschedulable and not seen.node:
        return Trouble(_F.UNSCHEDULABLE, seen.unschedulable, age >= patience.schedule)
    if seen.deleting:
        return Trouble(_F.EVICTED, seen.message or "somebody else deletes this pod")
    if seen.container.running and not has_connected and age >= patience.connect:
        waited = f"{age.total_seconds():.0f} s after it was asked for"
        return Trouble(_F.AGENT_NEVER_CONNECTED, f"no word of the agent {waited}", is_final=True)
    return None


def _of_ended(seen: PodSeen) -> Trouble:
    box = seen.container
    said = seen.message or box.message
    if seen.reason in {"Evicted", "Preempting", "Preempted", "TerminationByKubelet"}:
        return Trouble(_F.EVICTED, said or seen.reason, is_final=True)
    if seen.reason in {"NodeLost", "NodeShutdown", "Shutdown", "Terminated"}:
        return Trouble(_F.NODE_LOST, said or seen.reason, is_final=True)
    if _OOM in (box.terminated, box.last_terminated):
        return Trouble(_F.OOM_KILLED, said or "out of memory", is_final=True)
    ended = f"its container ended with code {box.exit_code}"
    return Trouble(_F.CRASH_LOOP, said or ended, is_final=True)


def _of_waiting(box: ContainerSeen, *, age: timedelta, patience: Patience) -> Trouble | None:
    said = box.message or box.waiting
    if box.waiting in _NEVER_PULLED:
        return Trouble(_F.IMAGE_PULL, said, is_final=True)
    if box.waiting in _PULLING:
        return Trouble(_F.IMAGE_PULL, said, age >= patience.pull)
    if box.waiting in _STARTING_FAILS:
        return Trouble(_F.CRASH_LOOP, said, age >= patience.pull)
    if box.waiting == _BACK_OFF:
        code = _F.OOM_KILLED if box.last_terminated == _OOM else _F.CRASH_LOOP
        return Trouble(code, said, box.restarts >= patience.restarts)
    return None
