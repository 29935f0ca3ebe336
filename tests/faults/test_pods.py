"""What works on clusters dies at any moment: pods are made, work goes on, and pods go again."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pools.core.ports import BUSY_LABEL
from tests import fleet
from tests.cluster import namespaces
from tests.cluster.clusters import Cluster
from tests.cluster.namespaces import Namespace
from tests.faults import operations
from tests.faults.operations import kill, pid_of
from tests.fleet import Platform
from tests.waiting import wait_until

pytestmark = [pytest.mark.processes, pytest.mark.timeout(420, func_only=True)]


@dataclass(frozen=True, slots=True)
class Land:
    """A platform with one cluster, a pool of pods there, and the folder of armed points."""

    platform: Platform
    namespace: Namespace
    armed: Path

    def submit(self, script: str) -> str:
        request = {"pool": "pods", "spec": {"argv": ["sh", "-c", script]}}
        (identity,) = operations.submit(self.platform, [request])
        return identity

    def runs(self, identity: str) -> bool:
        return bool(operations.task(self.platform, identity)["state"] == "running")

    def ended(self, identity: str, *, timeout_s: float = 90) -> tuple[str, int]:
        task = operations.ended(self.platform, identity, timeout_s=timeout_s)
        return task["state"], task["attempts_made"]


@pytest.fixture(scope="module")
def land(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Land]:
    armed = tmp_path_factory.mktemp("failpoints")
    settings = {
        "debug": "1",
        "failpoints": str(armed),
        "cluster_allowed_networks": "127.0.0.0/8",
    }
    with namespaces.fresh(cluster) as namespace, fleet.platform(**settings) as platform:
        platform.post("/api/v1/k8s-configs", namespace.access().config)
        shape = {"min_pods": 0, "max_pods": 2, "cooldown_s": 2}
        platform.post("/api/v1/agent-pools", {"name": "pods", "k8s": shape})
        yield Land(platform, namespace, armed)


@pytest.fixture
def go() -> Iterator[Path]:
    """Return a file for which a task waits; pods have a /tmp of their own."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        yield Path(folder) / "go"


def test_work_goes_on_when_the_process_that_watches_clusters_is_killed(
    land: Land, go: Path
) -> None:
    first = land.submit(f"while [ ! -e {go} ]; do sleep 0.1; done")
    wait_until(lambda: land.runs(first), timeout_s=90)
    # Nothing is under way then, which would keep others from the cluster for a minute.
    wait_until(lambda: land.namespace.pods(labelSelector=f"{BUSY_LABEL}=true"), timeout_s=60)
    kill(pid_of(land.platform, "kube_watch"))
    # It needs a pod of its own, which somebody else may make, or who comes after.
    second = land.submit("true")
    assert land.ended(second, timeout_s=150) == ("completed", 1)
    go.touch()
    assert land.ended(first) == ("completed", 1)
    wait_until(lambda: not land.namespace.pods(), timeout_s=90)


@pytest.mark.faults
@pytest.mark.timeout(600, func_only=True)
@pytest.mark.parametrize("point", ["before_k8s_create", "after_k8s_create"])
def test_a_task_goes_on_whose_pod_was_taken_on_by_a_process_that_died(
    land: Land, point: str
) -> None:
    """What was taken on is free again after two minutes, the cluster after one."""
    (land.armed / point).write_text("exit")
    task = land.submit("true")
    wait_until(lambda: not (land.armed / point).exists(), timeout_s=60)
    assert land.ended(task, timeout_s=240) == ("completed", 1)
    wait_until(lambda: not land.namespace.pods(), timeout_s=240)
