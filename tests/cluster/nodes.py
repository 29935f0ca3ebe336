"""How does a test have a node? A process of its own that registers at one control plane."""

import json
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

from k8s4r.embedded.programs import Program, StopStep
from tests.cluster import flags
from tests.cluster.api import Api, ApiError
from tests.cluster.files import NODE_LABEL
from tests.cluster.node import registration
from tests.cluster.node.api import NOT_FOUND
from tests.cluster.node.containers import CHECKOUT
from tests.cluster.parts import Part
from tests.waiting import wait_until

PLENTY = {"cpu": "2000", "memory": "4000Gi", "ephemeral-storage": "4000Gi", "pods": "10000"}


@dataclass(slots=True)
class Node:
    """A running node; pods of namespaces that select ``label`` come to it."""

    name: str
    label: str
    part: Part
    admin: Api

    @property
    def path(self) -> str:
        return f"/api/v1/nodes/{self.name}"

    def say(self, mood: str) -> None:
        """Let it be ``not_ready`` or ``silent``; the empty string makes it well again."""
        annotations = {registration.ANNOTATION: mood or None}
        self.admin.patch(self.path, {"metadata": {"annotations": annotations}})

    def condition(self) -> str:
        """Return its Ready condition: True, False or Unknown."""
        conditions = self.admin.get(self.path)["status"].get("conditions", [])
        return next((str(one["status"]) for one in conditions if one["type"] == "Ready"), "")

    def vanish(self) -> None:
        """Be gone at once, with all that ran here and without a word; the Node object goes too."""
        self.part.kill()
        self.admin.delete(self.path)

    def stop(self) -> None:
        """End in order: what runs here is ended, the cluster is told nothing about it."""
        self.part.stop()
        try:
            self.admin.delete(self.path)
        except ApiError as refused:
            if refused.status != NOT_FOUND:
                raise


@dataclass(frozen=True, slots=True)
class Wish:
    """What node is wanted.

    Attributes:
        label: namespaces select it by this; one that selects nothing gets the shared one.
        pretends: runs nothing and says that it does, for thousands of pods.
        capacity: differences from plenty.
    """

    name: str
    label: str
    pretends: bool = False
    capacity: tuple[tuple[str, str], ...] = ()


def start(wish: Wish, *, admin: Api, token: str, folder: Path, pki: Path) -> Node:
    """Start a node and wait until pods can be scheduled to it. It ends with the calling thread."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = folder / "settings.json"
    told = {
        "server": admin.server,
        "token": token,
        "pki": str(pki),
        "folder": str(folder),
        "name": wish.name,
        "labels": {NODE_LABEL: wish.label},
        "capacity": {**PLENTY, **dict(wish.capacity)},
        "pretends": wish.pretends,
    }
    settings.touch(mode=0o600)
    settings.write_text(json.dumps(told))
    program = Program(
        name=f"node {wish.name}",
        argv=(sys.executable, "-m", "tests.cluster.node", str(settings)),
        environment={**flags.environment(), "PYTHONPATH": str(CHECKOUT)},
        log=folder / "node.log",
        is_ready=lambda _pid: (folder / "ready").exists(),
        stop_steps=(StopStep(signal.SIGTERM, 10),),
    )
    node = Node(wish.name, wish.label, Part(program), admin)
    node.part.start()
    wait_until(lambda: _takes_pods(admin, node.path), timeout_s=90)
    return node


def _takes_pods(admin: Api, path: str) -> bool:
    """Ask whether the taint is gone that every new node has until it was seen to be ready."""
    found = admin.get(path)
    return not found["spec"].get("taints")
