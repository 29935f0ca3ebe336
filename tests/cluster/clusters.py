"""What is a running cluster to a test? Where it is, who may do what, and its audit log."""

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from tests.cluster import control_plane, manifests, nodes
from tests.cluster.api import Api
from tests.cluster.authority import Authority, Pair
from tests.cluster.control_plane import ADMIN, NODES, ControlPlane, Timing
from tests.cluster.files import SHARED
from tests.cluster.nodes import Node, Wish

FACTS = "cluster.json"
# A thousand pods are deleted in one request.
ADMIN_WITHIN_S = 180.0
Json = dict[str, Any]


@dataclass(slots=True)
class Cluster:
    """A running cluster.

    Attributes:
        folder: its files, logs and certificates; nobody else's business to write there.
        admin: a client that may do everything.
        plane: its servers, for a test that breaks them; None where others use it too.
    """

    folder: Path
    server: str
    tokens: dict[str, str]
    kubectl_path: Path
    plane: ControlPlane | None = None
    nodes: list[Node] = field(default_factory=list)
    _admin: Api | None = None

    @classmethod
    def found(cls, folder: Path) -> Self:
        """Return the cluster that runs in this folder."""
        facts = json.loads((folder / FACTS).read_text())
        return cls(folder, facts["server"], facts["tokens"], Path(facts["kubectl"]))

    def publish(self, **more: Any) -> None:
        """Let other processes find it."""
        facts = {"server": self.server, "tokens": self.tokens, "kubectl": str(self.kubectl_path)}
        unfinished = self.folder / f".{FACTS}"
        unfinished.touch(mode=0o600)
        unfinished.write_text(json.dumps(facts | more))
        unfinished.replace(self.folder / FACTS)

    @property
    def admin(self) -> Api:
        if self._admin is None:
            token = self.tokens[ADMIN]
            self._admin = Api(self.server, ca=self.ca, token=token, timeout_s=ADMIN_WITHIN_S)
        return self._admin

    @property
    def ca(self) -> Path:
        return self.folder / "pki" / "ca.crt"

    @property
    def ca_pem(self) -> str:
        return self.ca.read_text()

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "admin.kubeconfig"

    @property
    def authority(self) -> Authority:
        """Return who signs here: certificates of proxies and of clients come from it."""
        return Authority(Pair(self.ca.read_bytes(), self.ca.with_suffix(".key").read_bytes()))

    def kubectl(self, *words: str, given: str = "") -> str:
        """Run kubectl as the admin and return what it prints.

        Raises:
            CalledProcessError: it failed; ``stderr`` says why.
        """
        argv: Sequence[str | Path] = [self.kubectl_path, "--kubeconfig", self.kubeconfig, *words]
        done = subprocess.run(argv, input=given, capture_output=True, text=True, check=True)
        return done.stdout

    def audit(self, **wanted: str) -> list[Json]:
        """Return entries of the audit log, oldest first: what people and accounts did.

        Args:
            wanted: what they have to be, such as ``verb="delete"``, ``user=``, ``resource="pods"``,
                ``subresource=`` (none unless said), ``namespace=`` or ``name=``.
        """
        wanted = {"subresource": "", **wanted}
        lines = (self.folder / "audit.log").read_bytes().split(b"\n")[:-1]
        entries = [json.loads(line) for line in lines]
        return [entry for entry in entries if wanted.items() <= _facets(entry).items()]

    def start_node(self, wish: Wish) -> Node:
        """Start a node; it ends with the calling thread, or by ``stop``."""
        node = nodes.start(
            wish,
            admin=self.admin,
            token=self.tokens[NODES],
            folder=self.folder / "nodes" / wish.name,
            pki=self.folder / "pki",
        )
        self.nodes.append(node)
        return node


def _facets(entry: Json) -> dict[str, str]:
    reference = entry.get("objectRef", {})
    names = ("resource", "subresource", "namespace", "name")
    return {
        "verb": entry["verb"],
        "user": entry["user"].get("username", ""),
        **{name: reference.get(name, "") for name in names},
    }


@contextmanager
def running(
    folder: Path, programs: dict[str, Path], *, timing: Timing | None = None, pretends: bool = False
) -> Iterator[Cluster]:
    """Run a control plane and the shared node until the block ends."""
    plane = control_plane.prepare(folder, programs, timing)
    plane.start()
    cluster = Cluster(folder, plane.server, plane.tokens, programs["kubectl"], plane)
    try:
        manifests.apply_cluster_wide(cluster.admin)
        cluster.start_node(Wish("node-1", SHARED, pretends=pretends))
        yield cluster
    finally:
        for node in cluster.nodes:
            node.part.stop()
        cluster.admin.close()
        plane.stop()
