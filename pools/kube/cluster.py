"""What is a cluster to the rest of the product? The port, on the client that `connect` opens."""

from collections.abc import Iterator, Mapping, Sequence

from pools.core.ports import Listing, Manifest, PodSeen, Reviewed, Verb
from pools.kube import execute, observe
from pools.kube.api import Api, Client


class KubeCluster:
    """One cluster as one account reaches it: `pools.core.ports.ClusterPort`."""

    def __init__(self, client: Client, namespace: str) -> None:
        self._api = Api(client)
        self._namespace = namespace

    def cluster_uid(self) -> str:
        return observe.cluster_uid(self._api)

    def version(self) -> str:
        return observe.version(self._api)

    def list_pods(self, config: str) -> Listing:
        return observe.list_pods(self._api, self._namespace, config)

    def watch_pods(self, config: str) -> Iterator[str]:
        return observe.watch_pods(self._api, self._namespace, config)

    def pod(self, name: str) -> PodSeen | None:
        return observe.pod(self._api, self._namespace, name)

    def create_pod(self, manifest: Manifest, *, dry_run: bool = False) -> PodSeen:
        return execute.create_pod(self._api, self._namespace, manifest, dry_run=dry_run)

    def delete_pod(self, name: str, *, uid: str, grace_s: int | None = None) -> bool:
        return execute.delete_pod(self._api, self._namespace, name, uid=uid, grace_s=grace_s)

    def patch_pod(
        self,
        name: str,
        *,
        uid: str,
        labels: Mapping[str, str | None],
        annotations: Mapping[str, str | None],
    ) -> bool:
        changes = {"labels": dict(labels), "annotations": dict(annotations)}
        return execute.patch_pod(self._api, self._namespace, name, uid=uid, metadata=changes)

    def pod_log(self, name: str, *, most_bytes: int, previous: bool = False) -> str:
        return observe.pod_log(self._api, self._namespace, name, most_bytes, previous=previous)

    def ensure_budget(self, manifest: Manifest) -> None:
        execute.ensure_budget(self._api, self._namespace, manifest)

    def delete_budget(self, name: str) -> None:
        execute.delete_budget(self._api, self._namespace, name)

    def node_ready(self, name: str) -> bool | None:
        return observe.node_ready(self._api, name)

    def review_token(self, token: str, *, audience: str) -> Reviewed | None:
        return execute.review_token(self._api, token, audience=audience)

    def allowed(self, verbs: Sequence[Verb]) -> Sequence[bool]:
        return execute.allowed(self._api, self._namespace, verbs)
