"""How much longer than Kubernetes itself does a task take to run in a pool without any pod?

A whole platform beside a real control plane, whose node runs processes. The peer is a bare pod in
the same namespace, from its creation to Running. The rest is ours: the decision, the call, the
start of the agent in the pod and its proof, the order and the report.
"""

import statistics
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.machine import Figure, note, report
from tests import fleet
from tests.cluster import binaries, clusters, namespaces
from tests.cluster.namespaces import Namespace
from tests.fleet import Platform
from tests.waiting import wait_until

ROUNDS = 7
OFTEN_S = 0.02


def main() -> None:
    """Run a task in a fresh pool of pods again and again, and a bare pod after each."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        programs = binaries.obtain()
        with (
            clusters.running(Path(folder), programs) as cluster,
            namespaces.fresh(cluster) as namespace,
            fleet.platform(cluster_allowed_networks="127.0.0.0/8") as platform,
        ):
            _connect(platform, namespace)
            _measure(platform, namespace)


def _connect(platform: Platform, namespace: Namespace) -> None:
    platform.post("/api/v1/k8s-configs", namespace.access().config)
    shape = {"min_pods": 0, "max_pods": 1, "cooldown_s": 1}
    platform.post("/api/v1/agent-pools", {"name": "cold", "k8s": shape})


def _measure(platform: Platform, namespace: Namespace) -> None:
    stays, bare = [], []
    for number in range(ROUNDS):
        bare.append(_bare(namespace, f"bare-{number}"))
        stays.append(_cold(platform, namespace))
        note(f"bare pod {bare[-1]:.2f} s; task {stays[-1]}")
    running = statistics.median(bare)
    phases = {name: round(statistics.median(one[name] for one in stays), 2) for name in stays[0]}
    detail = {**phases, "over_bare_s": round(phases["total_s"] - running, 2)}
    goal = "<= 1 s over the peer"
    report(Figure("coldstart", phases["total_s"], running, "s", "lower", goal, detail))


def _bare(namespace: Namespace, name: str) -> float:
    """Return the seconds from the creation of a pod of nobody to Running."""
    begun = time.monotonic()
    namespace.create(namespaces.a_pod(name, "sleep", "600"))
    wait_until(lambda: namespace.pod(name)["status"].get("phase") == "Running", every_s=OFTEN_S)
    took = time.monotonic() - begun
    namespace.admin.delete(f"{namespace.path}/pods/{name}", {"gracePeriodSeconds": 0})
    return took


def _cold(platform: Platform, namespace: Namespace) -> dict[str, float]:
    """Return how long each part of the way took of a task for which a pod is made."""
    wait_until(lambda: not namespace.pods(), timeout_s=120)
    wait_until(lambda: not _pods(platform, "pods?pool=cold&state=deleting"), timeout_s=60)
    asked = {"pool": "cold", "spec": {"argv": ["sleep", "1"]}}
    made = platform.post("/api/v1/tasks", asked)
    path = f"/api/v1/tasks/{made['id']}"
    task = wait_until(lambda: _ended(platform, path), timeout_s=120, every_s=0.1)
    pod = platform.get(f"/api/v1/pods/{_pods(platform, 'pods?pool=cold')[0]['id']}")
    create = next(one for one in pod["actions"] if one["kind"] == "create")
    moments = {
        "decided_s": pod["created_at"],
        "created_s": create["done_at"],
        "pod_and_agent_s": pod["ready_at"],
        "order_s": task["started_at"],
    }
    before, phases = _moment(made["submitted_at"]), {}
    for name, text in moments.items():
        phases[name] = round((_moment(text) - before).total_seconds(), 3)
        before = _moment(text)
    return {**phases, "total_s": round(sum(phases.values()), 3)}


def _pods(platform: Platform, what: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = platform.get(f"/api/v1/{what}")["items"]
    return found


def _ended(platform: Platform, path: str) -> dict[str, Any] | None:
    task: dict[str, Any] = platform.get(path)
    return task if task["state"] == "completed" else None


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


if __name__ == "__main__":
    main()
