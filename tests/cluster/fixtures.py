"""What does a test get of a real Kubernetes? Ask for these fixtures by name.

====================  ===========================================================================
``cluster``           the run's control plane and node, shared: never break it
``namespace``         a fresh namespace of it, Pod Security ``restricted``, the product's Role
``product_access``    server, CA, token and namespace, as the product is told them
``node``              a process node of this test's own: all pods of ``namespace`` go there
``pretending_node``   the same, for thousands of pods: it runs nothing and says that it does
``own_cluster``       a control plane of this test's own, to be broken; ``own_cluster.plane``
``start_cluster``     starts further ones: ``start_cluster(Timing(node_grace_s=5))``
====================  ===========================================================================
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.cluster import binaries, clusters, namespaces, shared
from tests.cluster.clusters import Cluster
from tests.cluster.control_plane import Timing
from tests.cluster.namespaces import Access, Namespace
from tests.cluster.nodes import Node, Wish

FIXTURES = frozenset({"cluster", "start_cluster"})
NODES = frozenset({"node", "pretending_node"})
FOLDER = "K8S4R_TEST_CLUSTER"
# A test of ours takes its 300 s alone; before them its programs may have to be built.
CALL_S = 300


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let what needs a cluster come last, when it has been built, and wait for it.

    File by file: a worker gets whole files, in the order of their first tests.
    """
    files = {item.path for item in items if _needs_cluster(item)}
    items.sort(key=lambda item: item.path in files)
    for item in items:
        if item.path in files and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(CALL_S, func_only=True))


def _needs_cluster(item: pytest.Item) -> bool:
    """Does it name such a fixture, or does its mark say that it asks for one as it runs?"""
    names = getattr(item, "fixturenames", ())
    return not FIXTURES.isdisjoint(names) or item.get_closest_marker("cluster") is not None


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    named = os.environ.get(FOLDER)
    assert named, "no place for a cluster: the parts of the tests are off (K8S4R_TEST_PARTS)"
    binaries.obtain()
    with shared.joined(Path(named)) as found:
        yield found


@pytest.fixture
def namespace(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[Namespace]:
    own_nodes = not NODES.isdisjoint(request.fixturenames)
    with namespaces.fresh(cluster, own_nodes=own_nodes) as made:
        yield made


@pytest.fixture
def product_access(namespace: Namespace) -> Access:
    return namespace.access()


@pytest.fixture
def node(cluster: Cluster, namespace: Namespace) -> Iterator[Node]:
    yield from _node(cluster, Wish(f"node-{namespace.name}", namespace.name))


@pytest.fixture
def pretending_node(cluster: Cluster, namespace: Namespace) -> Iterator[Node]:
    yield from _node(cluster, Wish(f"node-{namespace.name}", namespace.name, pretends=True))


def _node(cluster: Cluster, wish: Wish) -> Iterator[Node]:
    started = cluster.start_node(wish)
    yield started
    started.stop()


@pytest.fixture
def start_cluster(tmp_path: Path) -> Iterator[Callable[..., Cluster]]:
    programs = binaries.obtain()
    with ExitStack() as stack:

        def start(timing: Timing | None = None) -> Cluster:
            folder = tmp_path / f"cluster-{len(list(tmp_path.glob('cluster-*')))}"
            return stack.enter_context(clusters.running(folder, programs, timing=timing))

        yield start


@pytest.fixture
def own_cluster(start_cluster: Callable[..., Cluster]) -> Cluster:
    return start_cluster()
