"""What does a control plane consist of here, and how does it start? On loopback, in one folder.

::

    etcd <- kube-apiserver <- kube-scheduler, kube-controller-manager

As small as it can be: a few controllers, no durability. As real as it can be: TLS, RBAC, admission,
audit log and service-account tokens are those of every cluster.
"""

import secrets
import signal
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx2

from k8s4r.embedded.programs import Program, StopStep
from tests.cluster import authority, files, flags
from tests.cluster.api import Api, ApiError
from tests.cluster.authority import Authority
from tests.cluster.parts import Part
from tests.ports import held_port
from tests.waiting import wait_until

HOST = "127.0.0.1"
NOT_FOUND = 404
ADMIN, NODES = "admin", "nodes"
CONTROLLERS, SCHEDULER = "system:kube-controller-manager", "system:kube-scheduler"
GROUPS = {
    ADMIN: "system:masters",
    NODES: "system:masters",
    CONTROLLERS: "",
    SCHEDULER: "",
}


@dataclass(frozen=True, slots=True)
class Timing:
    """How long Kubernetes waits before it gives a node up; its own defaults take minutes.

    Attributes:
        node_grace_s: a node that is silent for so long is Unknown.
        toleration_s: pods of a node that is not ready are evicted after so long.
    """

    node_grace_s: int = 40
    toleration_s: int = 300


@dataclass(slots=True)
class ControlPlane:
    """One control plane and all that is needed to be its client."""

    folder: Path
    authority: Authority
    tokens: dict[str, str]
    server: str
    etcd: Part
    apiserver: Part
    scheduler: Part
    controller_manager: Part

    @property
    def ca(self) -> Path:
        return self.folder / "pki" / "ca.crt"

    @property
    def audit_log(self) -> Path:
        return self.folder / "audit.log"

    @property
    def parts(self) -> tuple[Part, ...]:
        return (self.etcd, self.apiserver, self.scheduler, self.controller_manager)

    def api(self, who: str = ADMIN) -> Api:
        """Return a client that is this identity."""
        return Api(self.server, ca=self.ca, token=self.tokens[who])

    def start(self) -> None:
        """Start everything; what does not start takes the rest down again."""
        try:
            self.etcd.start()
            self.apiserver.start()
            self.scheduler.start()
            self.controller_manager.start()
            with self.api() as admin:
                wait_until(lambda: _serves_accounts(admin), timeout_s=60)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop everything."""
        for part in reversed(self.parts):
            part.stop()


def prepare(folder: Path, programs: dict[str, Path], timing: Timing | None = None) -> ControlPlane:
    """Lay out a control plane in ``folder``, nothing running yet."""
    timing = timing or Timing()
    trust = authority.make(f"test cluster {folder.name}")
    tokens = {who: secrets.token_hex(20) for who in GROUPS}
    ports = {name: held_port() for name in ("etcd", "peer", "apiserver")}
    server = f"https://{HOST}:{ports['apiserver']}"
    files.lay_out(folder, trust, {who: (tokens[who], GROUPS[who]) for who in GROUPS}, server)
    etcd_url = f"http://{HOST}:{ports['etcd']}"
    parts = {
        "etcd": (
            flags.etcd(folder, etcd_url, f"http://{HOST}:{ports['peer']}"),
            f"{etcd_url}/health",
        ),
        "kube-apiserver": (
            flags.apiserver(folder, ports["apiserver"], etcd_url, timing.toleration_s),
            f"{server}/readyz",
        ),
        "kube-scheduler": (flags.scheduler(folder), ""),
        "kube-controller-manager": (flags.controller_manager(folder, timing.node_grace_s), ""),
    }
    made = [
        Part(_program(name, programs[name], argv, folder, url))
        for name, (argv, url) in parts.items()
    ]
    return ControlPlane(folder, trust, tokens, server, *made)


def _program(name: str, path: Path, argv: list[str], folder: Path, url: str) -> Program:
    return Program(
        name=name,
        argv=(str(path), *argv),
        environment=flags.environment(),
        log=folder / f"{name}.log",
        is_ready=_answering(url, folder / "pki" / "ca.crt") if url else lambda _pid: True,
        stop_steps=(StopStep(signal.SIGTERM, 5),),
        dies_by=signal.SIGKILL,
    )


def _answering(url: str, ca: Path) -> Callable[[int], bool]:
    trust = ssl.create_default_context(cafile=str(ca))
    client = httpx2.Client(verify=trust, timeout=2, trust_env=False)

    def answers(_pid: int) -> bool:
        try:
            return client.get(url).is_success
        except httpx2.TransportError:
            return False

    return answers


def _serves_accounts(admin: Api) -> bool:
    """Ask whether the controllers work: without the account no pod is let in."""
    try:
        admin.get("/api/v1/namespaces/default/serviceaccounts/default")
    except ApiError as refused:
        if refused.status != NOT_FOUND:
            raise
        return False
    return True
