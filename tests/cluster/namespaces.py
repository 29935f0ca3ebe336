"""Where do a test's pods live, and as whom does the product come there?"""

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.cluster import files, manifests
from tests.cluster.api import Api
from tests.cluster.clusters import Cluster

Json = dict[str, Any]
SELECTOR = "scheduler.alpha.kubernetes.io/node-selector"
TOKEN_S = 24 * 3600


@dataclass(frozen=True, slots=True)
class Access:
    """What the product is told about a cluster: it has no more than this."""

    server: str
    ca_pem: str
    token: str
    namespace: str

    @property
    def kubeconfig(self) -> str:
        """Return the same as a kubeconfig."""
        return files.kubeconfig_of(self.server, self.ca_pem, {"token": self.token}, self.namespace)

    @property
    def config(self) -> Json:
        """Return the same as the body of a K8s config, whose pods run as the agents' account."""
        return {
            "name": "cluster",
            "server": self.server,
            "ca_data": self.ca_pem,
            "token": self.token,
            "namespace": self.namespace,
            "service_account_name": manifests.AGENT_ACCOUNT,
        }


@dataclass(frozen=True, slots=True)
class Namespace:
    """A namespace of one test."""

    cluster: Cluster
    name: str

    @property
    def admin(self) -> Api:
        return self.cluster.admin

    @property
    def path(self) -> str:
        return f"/api/v1/namespaces/{self.name}"

    def pods(self, **selectors: str) -> list[Json]:
        """Return the pods, by name."""
        found: list[Json] = self.admin.get(f"{self.path}/pods", **selectors)["items"]
        return sorted(found, key=lambda pod: str(pod["metadata"]["name"]))

    def pod(self, name: str) -> Json:
        """Return one pod."""
        return self.admin.get(f"{self.path}/pods/{name}")

    def create(self, pod: Mapping[str, Any]) -> Json:
        """Create a pod as the admin."""
        return self.admin.post(f"{self.path}/pods", pod)

    def annotate(self, pod: str, **annotations: str | None) -> None:
        """Set annotations ``k8s4r.test/...`` of a pod; None takes one away."""
        changed = {f"k8s4r.test/{name}": value for name, value in annotations.items()}
        self.admin.patch(f"{self.path}/pods/{pod}", {"metadata": {"annotations": changed}})

    def log(self, pod: str, **options: Any) -> str:
        """Return what a pod said."""
        return self.admin.text(f"{self.path}/pods/{pod}/log", **options)

    def account_token(self, account: str = manifests.ACCOUNT, *, lifetime_s: int = TOKEN_S) -> str:
        """Return a new token of a service account."""
        path = f"{self.path}/serviceaccounts/{account}/token"
        made = self.admin.post(path, {"spec": {"expirationSeconds": lifetime_s}})
        return str(made["status"]["token"])

    def access(self) -> Access:
        """Return what the product gets: its own account, which may do what deploy/ grants."""
        return Access(self.cluster.server, self.cluster.ca_pem, self.account_token(), self.name)


@contextmanager
def fresh(
    cluster: Cluster, *, own_nodes: bool = False, annotations: Mapping[str, str] | None = None
) -> Iterator[Namespace]:
    """Make a namespace like the one in deploy/ and take it away when the block ends.

    Args:
        own_nodes: its pods go to nodes whose label is its name, and wait until there is one.
        annotations: of the namespace, such as a fault of all its pods.
    """
    name = f"test-{uuid.uuid4().hex[:12]}"
    chosen = {SELECTOR: f"{files.NODE_LABEL}={name}"} if own_nodes else {}
    manifests.apply(cluster.admin, name, {**chosen, **(annotations or {})})
    try:
        yield Namespace(cluster, name)
    finally:
        manifests.remove(cluster.admin, name)


def a_pod(name: str, *command: str, **spec: Any) -> Json:
    """Return a pod that ``restricted`` Pod Security lets in and that runs this command."""
    container = {
        "name": "main",
        "image": "registry.test/k8s4r@sha256:" + "0" * 64,
        "command": list(command),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
    }
    security = {
        "runAsNonRoot": True,
        "runAsUser": 1000,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 5,
            "securityContext": security,
            "containers": [container],
            **spec,
        },
    }
