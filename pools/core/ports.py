"""What does a cluster look like from here? Values in and out, and the port that speaks to it.

`pools.kube` implements the port with the `kubernetes` client; the fake that ships with the product
passes the same contract suite. Every call has a time limit of its own and raises one of the errors
below, never a library's.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Protocol, TypeAlias

from k8s4r.core.errors import Conflict, DomainError, Unavailable

MANAGED_BY: Final = "app.kubernetes.io/managed-by"
OURS: Final = "k8s4r"
CONFIG_LABEL: Final = "k8s4r.io/config"
POOL_LABEL: Final = "k8s4r.io/pool"
POD_LABEL: Final = "k8s4r.io/pod"
BUSY_LABEL: Final = "k8s4r.io/busy"
SAFE_TO_EVICT: Final = "cluster-autoscaler.kubernetes.io/safe-to-evict"

Manifest: TypeAlias = Mapping[str, Any]


class ClusterUnreachable(Unavailable):
    """No answer in time, or none that is one: nothing is known about what happened."""

    code, title = "cluster_unreachable", "The cluster does not answer"


class ClusterRefused(DomainError):
    """The cluster answered that this may not be done; ``facts`` name status and reason."""

    code, status, title = "cluster_refused", 502, "The cluster refuses this"


class QuotaExceeded(ClusterRefused):
    """A quota of the namespace leaves no room for this pod."""

    code, title = "quota", "A quota of the namespace is used up"


class AlreadyExists(Conflict):
    """There is an object of this name already; it may be ours."""

    code, title = "already_exists", "There is an object of this name"


class OtherPod(Conflict):
    """The pod of this name has another uid: the one that was meant is gone."""

    code, title = "other_pod", "The pod of this name is another one"


class WatchExpired(Conflict):
    """The watch cannot go on from here (410): list again."""

    code, title = "watch_expired", "List again"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerSeen:
    """What Kubernetes says of the agent's container.

    ``waiting`` and ``terminated`` are its reasons, empty when it is in neither state;
    ``last_terminated`` is why it ended the time before.
    """

    waiting: str = ""
    message: str = ""
    terminated: str = ""
    exit_code: int | None = None
    last_terminated: str = ""
    restarts: int = 0
    running: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PodSeen:
    """A pod as Kubernetes tells of it.

    ``unschedulable`` is the scheduler's message; ``reason`` and ``message`` are the pod's own
    (``Evicted``, ``NodeLost``); ``labels`` hold whose it is.
    """

    name: str
    uid: str
    phase: str
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    node: str = ""
    ready: bool = False
    deleting: bool = False
    reason: str = ""
    message: str = ""
    unschedulable: str = ""
    container: ContainerSeen = ContainerSeen()
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The pods of one config, complete."""

    pods: Sequence[PodSeen]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewed:
    """Who a service-account token belongs to, by TokenReview; empty texts are not said."""

    namespace: str
    pod_name: str
    pod_uid: str


@dataclass(frozen=True, slots=True)
class Verb:
    """One thing that an account may be allowed to do; ``name`` narrows it to one object."""

    verb: str
    resource: str
    group: str = ""
    subresource: str = ""
    namespaced: bool = True
    name: str = ""

    def __str__(self) -> str:
        of = f"{self.resource}/{self.subresource}" if self.subresource else self.resource
        return f"{self.verb} {of}.{self.group}" if self.group else f"{self.verb} {of}"


class ClusterPort(Protocol):
    """One cluster, as one K8s config reaches it; safe to use from several threads.

    Every method raises `ClusterUnreachable` when there is no answer in time and `ClusterRefused`
    for any refusal without an error of its own.
    """

    def cluster_uid(self) -> str:
        """Return the uid of the kube-system namespace: which cluster this is."""

    def version(self) -> str:
        """Return the version that the cluster says it has, such as ``v1.36.3``."""

    def list_pods(self, config: str) -> Listing:
        """Return every pod that carries the label of this config, in its namespace."""

    def watch_pods(self, config: str) -> Iterator[str]:
        """Yield the name of each pod that changes from now on; ends by itself. Only a hint.

        Raises:
            WatchExpired: list again.
        """

    def pod(self, name: str) -> PodSeen | None:
        """Return the pod of this name, ``None`` when there is none."""

    def create_pod(self, manifest: Manifest, *, dry_run: bool = False) -> PodSeen:
        """Make a pod.

        Raises:
            AlreadyExists: there is one of this name.
            QuotaExceeded: a quota of the namespace leaves no room.
        """

    def delete_pod(self, name: str, *, uid: str, grace_s: int | None = None) -> bool:
        """Delete the pod with this uid; return whether there was one.

        Raises:
            OtherPod: the name belongs to another pod now.
        """

    def patch_pod(
        self,
        name: str,
        *,
        uid: str,
        labels: Mapping[str, str | None],
        annotations: Mapping[str, str | None],
    ) -> bool:
        """Set labels and annotations (``None`` removes one); return whether there was such a pod.

        Raises:
            OtherPod: the name belongs to another pod now.
        """

    def pod_log(self, name: str, *, most_bytes: int, previous: bool = False) -> str:
        """Return the end of the log of the pod's container; empty when there is none."""

    def ensure_budget(self, manifest: Manifest) -> None:
        """Make the PodDisruptionBudget unless there is one of this name."""

    def delete_budget(self, name: str) -> None:
        """Delete the PodDisruptionBudget if there is one."""

    def node_ready(self, name: str) -> bool | None:
        """Is the node ready? ``None``: there is no such node any more."""

    def review_token(self, token: str, *, audience: str) -> Reviewed | None:
        """Return whose token this is, ``None`` when it is not valid for the audience."""

    def allowed(self, verbs: Sequence[Verb]) -> Sequence[bool]:
        """Return for each verb whether our account may do it, by SelfSubjectAccessReview."""
