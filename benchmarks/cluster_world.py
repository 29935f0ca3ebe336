"""A pool whose pods are in a test cluster, in a database of its own; for `clusters` alone."""

import time
from dataclasses import dataclass
from types import SimpleNamespace

import django

django.setup(set_prefix=False)

from django.core.management import call_command  # noqa: E402 - Django is set up first
from django.db import connection, transaction  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402

from k8s4r import clock  # noqa: E402
from pools.core.ports import ClusterPort  # noqa: E402
from pools.core.sightings import Rules  # noqa: E402
from pools.kube import connect  # noqa: E402
from pools.kube.cluster import KubeCluster  # noqa: E402
from pools.models import Pool  # noqa: E402
from pools.services import acting, pods, reach, reconciling  # noqa: E402
from pools.services.pods import NewPod  # noqa: E402
from tests.builders import a_k8s_config, a_pod_pool  # noqa: E402
from tests.cluster.namespaces import Namespace  # noqa: E402
from tests.clusters import PLATFORM  # noqa: E402
from tests.kube.clusters import access_of  # noqa: E402


@dataclass(frozen=True, slots=True)
class Scene:
    """A pool, and the port to where its pods are."""

    pool: Pool
    port: ClusterPort


def prepare() -> None:
    """Make the tables."""
    call_command("migrate", verbosity=0)


def a_scene(namespace: Namespace) -> Scene:
    """Return a pool whose pods are to be in this namespace."""
    told = namespace.access()
    config = a_k8s_config(namespace=namespace.name, service_account_name="k8s4r-agent")
    port = KubeCluster(connect.open(access_of(told)), namespace.name)
    return Scene(a_pod_pool(k8s_config=config, max_pods=10_000), port)


def make(scene: Scene, count: int) -> float:
    """Make pods and say how long it took until the cluster had them; seconds."""
    with transaction.atomic():
        pods.make(scene.pool, [NewPod()] * count, now=clock.now())
    begun = time.perf_counter()
    while acting.due([scene.pool.k8s_config_id], now=clock.now()):
        acting.run(scene.pool.k8s_config_id, scene.port, PLATFORM, clock=clock.now)
    took_s = time.perf_counter() - begun
    look(scene)
    return took_s


def look(scene: Scene) -> SimpleNamespace:
    """Look at the cluster once; return seconds and statements."""
    lease = reach.take(scene.pool.k8s_config_id, now=clock.now())
    assert lease is not None, "nobody else works on it"
    begun = time.perf_counter()
    with CaptureQueriesContext(connection) as asked:
        reconciling.run(lease, scene.port, now=clock.now(), rules=Rules())
    took_s = time.perf_counter() - begun
    reach.release(lease)
    return SimpleNamespace(took_s=took_s, statements=len(asked))


def list_only(scene: Scene) -> float:
    """Return the seconds that the list alone takes."""
    begun = time.perf_counter()
    scene.port.list_pods(str(scene.pool.k8s_config_id))
    return time.perf_counter() - begun
