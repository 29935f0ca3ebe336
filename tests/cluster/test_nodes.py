"""The process node as a whole: silent, gone, or with more pods than any machine could run."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.cluster import binaries, clusters, namespaces
from tests.cluster.clusters import Cluster
from tests.cluster.control_plane import Timing
from tests.cluster.namespaces import Namespace, a_pod
from tests.cluster.nodes import Node
from tests.waiting import wait_until

GRACE_S = 5
AT_ONCE = 8


def ready(namespace: Namespace, name: str) -> str:
    """Return the pod's Ready condition."""
    conditions = namespace.pod(name)["status"].get("conditions", [])
    return next((str(one["status"]) for one in conditions if one["type"] == "Ready"), "")


def test_a_node_that_is_not_ready_runs_its_pods_on(namespace: Namespace, node: Node):
    namespace.create(a_pod("there", "sleep", "600"))
    wait_until(lambda: ready(namespace, "there") == "True")
    node.say("not_ready")
    wait_until(lambda: node.condition() == "False")
    assert namespace.pod("there")["status"]["phase"] == "Running"
    assert namespace.pod("there")["spec"]["nodeName"] == node.name
    node.say("")
    wait_until(lambda: node.condition() == "True")


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A control plane of this module's own, that gives nodes up soon."""
    timing = Timing(node_grace_s=GRACE_S)
    folder = tmp_path_factory.mktemp("impatient")
    with clusters.running(folder, binaries.obtain(), timing=timing) as started:
        yield started


def test_a_silent_node_is_unknown_and_its_pods_are_not_ready_until_it_speaks(impatient: Cluster):
    (node,) = impatient.nodes
    with namespaces.fresh(impatient) as namespace:
        namespace.create(a_pod("there", "sleep", "600"))
        wait_until(lambda: ready(namespace, "there") == "True")
        node.say("silent")
        wait_until(lambda: node.condition() == "Unknown", timeout_s=60)
        # Kubernetes says so of the pod, which runs on and hears nothing.
        wait_until(lambda: ready(namespace, "there") == "False")
        namespace.admin.delete(f"{namespace.path}/pods/there")
        assert namespace.pod("there")["status"]["phase"] == "Running"
        node.say("")
        wait_until(lambda: node.condition() == "True")
        wait_until(lambda: not namespace.pods())


def test_a_control_plane_of_ones_own_dies_and_comes_back(impatient: Cluster):
    plane = impatient.plane
    assert plane is not None
    with namespaces.fresh(impatient) as namespace:
        namespace.create(a_pod("runs", "sleep", "600"))
        wait_until(lambda: ready(namespace, "runs") == "True")
        plane.apiserver.kill()
        plane.etcd.stop()
        plane.etcd.start()
        plane.apiserver.start()
        namespace.create(a_pod("later", "sleep", "600"))
        wait_until(lambda: ready(namespace, "later") == "True", timeout_s=60)
        assert ready(namespace, "runs") == "True"


@pytest.mark.faults
def test_pods_of_a_node_that_vanished_are_collected(namespace: Namespace, node: Node):
    namespace.create(a_pod("lost", "sleep", "600"))
    wait_until(lambda: ready(namespace, "lost") == "True")
    node.vanish()
    # Kubernetes waits 40 s, and no flag of it changes that.
    wait_until(lambda: not namespace.pods(), timeout_s=120)


@pytest.mark.parametrize("many", [200, pytest.param(1000, marks=pytest.mark.faults)])
def test_a_pretending_node_runs_many_pods_in_status_only(
    namespace: Namespace, pretending_node: Node, many: int
):
    pods = [a_pod(f"pod-{number}", "true") for number in range(many)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(namespace.create, pods))
    running = {"fieldSelector": "status.phase=Running"}
    wait_until(lambda: len(namespace.pods(**running)) == many, timeout_s=120, every_s=1)
    namespace.admin.delete(f"{namespace.path}/pods")
    wait_until(lambda: not namespace.pods(), timeout_s=120, every_s=1)
