"""What would a cluster answer? One in memory, for demonstrations and tests.

It keeps what callers rely on: uids, 409 by name, preconditions, quotas, watches that end. Nothing
runs: `tell` says what a node would report of a pod.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any, Final
from uuid import uuid4

from pools.core.ports import (
    CONFIG_LABEL,
    AlreadyExists,
    ClusterUnreachable,
    Listing,
    Manifest,
    OtherPod,
    PodSeen,
    QuotaExceeded,
    Reviewed,
    Verb,
)

KEPT_EVENTS: Final = 1000
WATCH_S: Final = 0.2


@dataclass(eq=False)
class FakeCluster:
    """A cluster that keeps to one namespace; safe to use from several threads.

    Attributes:
        most_pods: the quota of the namespace; ``None`` for none.
        is_away: every call fails as in a timeout.
        grace: a deleted pod stays, marked, until `settle`; otherwise it is gone at once.
        tokens: whose each token is, by token and audience.
        denied: verbs that the account may not do.
    """

    namespace: str = "k8s4r"
    uid: str = field(default_factory=lambda: str(uuid4()))
    most_pods: int | None = None
    is_away: bool = False
    grace: bool = False
    tokens: dict[tuple[str, str], Reviewed] = field(default_factory=dict)
    denied: set[Verb] = field(default_factory=set)
    pods: dict[str, PodSeen] = field(default_factory=dict)
    budgets: dict[str, Manifest] = field(default_factory=dict)
    nodes: dict[str, bool] = field(default_factory=dict)
    logs: dict[str, str] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    now: datetime | None = None
    _version: int = 0
    _events: list[tuple[int, str, Mapping[str, str]]] = field(default_factory=list)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    # What a node, the scheduler or a person would do.

    def tell(self, name: str, **facts: Any) -> PodSeen:
        """Change what is seen of a pod, as its node would; return it."""
        with self._changed:
            pod = self._put(replace(self.pods[name], **facts))
            self._changed.notify_all()
        return pod

    def vanish(self, name: str) -> None:
        """Let a pod be gone at once, as when its node was deleted."""
        with self._changed:
            self._remove(name)

    def settle(self) -> None:
        """Let every deleted pod end, as nodes do within its grace."""
        with self._changed:
            for name in [name for name, pod in self.pods.items() if pod.deleting]:
                self._remove(name)

    # The port.

    def cluster_uid(self) -> str:
        self._answer("cluster_uid")
        return self.uid

    def version(self) -> str:
        self._answer("version")
        return "v0.0.0-fake"

    def list_pods(self, config: str) -> Listing:
        with self._changed:
            self._answer("list_pods")
            ours = [pod for pod in self.pods.values() if pod.labels.get(CONFIG_LABEL) == config]
            return Listing(pods=ours)

    def watch_pods(self, config: str) -> Iterator[str]:
        """Yield what changes from now on; ends when nothing has for a while."""
        with self._changed:
            self._answer("watch_pods")
            since = self._version
        while True:
            with self._changed:
                if not self._changed.wait_for(partial(self._is_past, since), WATCH_S):
                    return
                happened = [one for one in self._events if one[0] > since]
                since = self._version
            yield from (name for _, name, labels in happened if labels.get(CONFIG_LABEL) == config)

    def pod(self, name: str) -> PodSeen | None:
        self._answer("pod")
        return self.pods.get(name)

    def create_pod(self, manifest: Manifest, *, dry_run: bool = False) -> PodSeen:
        with self._changed:
            self._answer("create_pod")
            meta = manifest["metadata"]
            if meta["name"] in self.pods:
                raise AlreadyExists(f'pods "{meta["name"]}" already exists')
            if self.most_pods is not None and len(self.pods) >= self.most_pods:
                raise QuotaExceeded(f"exceeded quota: pods={self.most_pods}")
            pod = PodSeen(
                name=meta["name"],
                uid=str(uuid4()),
                phase="Pending",
                labels=dict(meta.get("labels", {})),
                annotations=dict(meta.get("annotations", {})),
                created_at=self.now,
            )
            return pod if dry_run else self._put(pod)

    def delete_pod(self, name: str, *, uid: str, grace_s: int | None = None) -> bool:
        with self._changed:
            self._answer("delete_pod")
            if self._meant(name, uid) is None:
                return False
            if self.grace and grace_s != 0:
                self._put(replace(self.pods[name], deleting=True))
            else:
                self._remove(name)
            return True

    def patch_pod(
        self,
        name: str,
        *,
        uid: str,
        labels: Mapping[str, str | None],
        annotations: Mapping[str, str | None],
    ) -> bool:
        with self._changed:
            self._answer("patch_pod")
            pod = self._meant(name, uid)
            if pod is None:
                return False
            self._put(
                replace(
                    pod,
                    labels=_merged(pod.labels, labels),
                    annotations=_merged(pod.annotations, annotations),
                )
            )
            return True

    def pod_log(self, name: str, *, most_bytes: int, previous: bool = False) -> str:
        self._answer("pod_log")
        text = self.logs.get(f"{name}/previous" if previous else name, "")
        return text.encode()[-most_bytes:].decode(errors="replace")

    def ensure_budget(self, manifest: Manifest) -> None:
        self._answer("ensure_budget")
        self.budgets.setdefault(manifest["metadata"]["name"], manifest)

    def delete_budget(self, name: str) -> None:
        self._answer("delete_budget")
        self.budgets.pop(name, None)

    def node_ready(self, name: str) -> bool | None:
        self._answer("node_ready")
        return self.nodes.get(name)

    def review_token(self, token: str, *, audience: str) -> Reviewed | None:
        self._answer("review_token")
        return self.tokens.get((token, audience))

    def allowed(self, verbs: Sequence[Verb]) -> Sequence[bool]:
        self._answer("allowed")
        return [verb not in self.denied for verb in verbs]

    def _answer(self, call: str) -> None:
        self.calls.append(call)
        if self.is_away:
            raise ClusterUnreachable("no answer in 3 s")

    def _meant(self, name: str, uid: str) -> PodSeen | None:
        pod = self.pods.get(name)
        if pod is not None and pod.uid != uid:
            raise OtherPod(f"pod {name} has uid {pod.uid}, and {uid} was meant")
        return pod

    def _is_past(self, version: int) -> bool:
        return self._version > version

    def _put(self, pod: PodSeen) -> PodSeen:
        self._note(pod)
        self.pods[pod.name] = pod
        return pod

    def _remove(self, name: str) -> None:
        self._note(self.pods.pop(name))

    def _note(self, pod: PodSeen) -> None:
        self._version += 1
        self._events.append((self._version, pod.name, pod.labels))
        del self._events[:-KEPT_EVENTS]
        self._changed.notify_all()


def _merged(before: Mapping[str, str], changes: Mapping[str, str | None]) -> dict[str, str]:
    merged = {**before, **changes}
    return {key: value for key, value in merged.items() if value is not None}
