"""A Kubernetes for people who work on k8s4r: ``python -m tests.cluster up``, ``down``, ``status``.

``up`` starts a control plane with a process node in the background, ``up --pods N`` one whose node
only says that pods run, and makes N of them. ``build`` builds the programs and nothing else.
"""

import argparse
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.cluster import binaries, manifests, namespaces, shared
from tests.cluster.clusters import FACTS, Cluster
from tests.cluster.node.containers import CHECKOUT

NAMESPACE = "k8s4r-pods"
AT_ONCE = 16


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tests.cluster", description=__doc__)
    commands = parser.add_subparsers(required=True)
    up = commands.add_parser("up", help="start a cluster, or tell of the one that runs")
    up.add_argument("--pods", type=int, default=0, help="pretend to run pods, and make so many")
    up.set_defaults(run=_up)
    for name, run in (("down", _down), ("status", _status)):
        commands.add_parser(name).set_defaults(run=run)
    build = commands.add_parser("build", help="build the programs that are missing")
    build.add_argument(
        "--detach", type=int, metavar="PID", help="in the background, while PID lives"
    )
    build.add_argument("--beside", type=int, metavar="PID", help=argparse.SUPPRESS)
    build.set_defaults(run=_build)
    for command in commands.choices.values():
        command.add_argument("--folder", type=Path, default=binaries.cache() / "up")
    asked = parser.parse_args()
    asked.run(asked)


def _up(asked: argparse.Namespace) -> None:
    folder: Path = asked.folder
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not (folder / FACTS).exists():
        binaries.obtain()
        shared.start(folder, "--stay", *(["--pretend"] if asked.pods else []))
    cluster = Cluster.found(folder)
    cluster.kubectl("apply", "-k", str(manifests.FOLDER))
    if asked.pods:
        make_pods(cluster, asked.pods)
    _tell(cluster)


def make_pods(cluster: Cluster, count: int) -> None:
    """Make pods that nobody runs, past the namespace's own limits."""
    quota = {"spec": {"hard": {"pods": str(count + 1000)}}}
    cluster.admin.patch(f"/api/v1/namespaces/{NAMESPACE}/resourcequotas/k8s4r", quota)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        pods = [namespaces.a_pod(f"pretended-{number}", "true") for number in range(count)]
        list(pool.map(lambda pod: manifests.create(cluster.admin, pod, NAMESPACE), pods))


def _tell(cluster: Cluster) -> None:
    print(f"server      {cluster.server}")  # noqa: T201
    print(f"namespace   {NAMESPACE} (service accounts k8s4r and k8s4r-agent)")  # noqa: T201
    print(f"product's   {_product(cluster)}")  # noqa: T201
    print(f"kubectl     {cluster.kubectl_path}")  # noqa: T201
    print(f"logs        {cluster.folder}")  # noqa: T201
    print(f"export KUBECONFIG={cluster.kubeconfig}")  # noqa: T201


def _product(cluster: Cluster) -> Path:
    """Write a kubeconfig of the product's own account, which may do what deploy/ grants."""
    path = cluster.folder / "product.kubeconfig"
    path.touch(mode=0o600)
    path.write_text(namespaces.Namespace(cluster, NAMESPACE).access().kubeconfig)
    return path


def _down(asked: argparse.Namespace) -> None:
    print("ended" if shared.end(asked.folder) else "nothing was running")  # noqa: T201


def _status(asked: argparse.Namespace) -> None:
    if not (asked.folder / FACTS).exists():
        sys.exit("no cluster is running")
    cluster = Cluster.found(asked.folder)
    _tell(cluster)
    print(cluster.kubectl("get", "nodes,pods", "-A"))  # noqa: T201


def _build(asked: argparse.Namespace) -> None:
    """Build, or let a process of its own do it that ends when ``PID`` does."""
    if asked.detach and binaries.missing():
        log = binaries.folder() / "build.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        words = [sys.executable, "-m", "tests.cluster", "build", "--beside", str(asked.detach)]
        with log.open("ab") as said:
            subprocess.Popen(
                words, cwd=CHECKOUT, stdin=subprocess.DEVNULL, stdout=said, stderr=said,
                start_new_session=True,
            )  # fmt: skip
        return
    if asked.beside:
        threading.Thread(target=_end_after, args=(asked.beside,), daemon=True).start()
    if not asked.detach:
        binaries.obtain()


def _end_after(pid: int) -> None:
    """End this process and the compiler when ``pid`` has ended."""
    pause = threading.Event()
    while Path(f"/proc/{pid}").exists():
        pause.wait(1)
    os.killpg(0, 9)


if __name__ == "__main__":
    main()
