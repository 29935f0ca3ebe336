"""A cluster in memory behind a pool of pods, and rounds of work on it, for tests."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from executors.clusters import rounds
from executors.clusters.rounds import Means
from pools.core.manifests import Platform
from pools.core.ports import ClusterPort, ContainerSeen
from pools.core.sightings import Rules
from pools.kube.fake import FakeCluster
from pools.models import Pod, Pool
from tests.builders import NOON

PLATFORM = Platform(
    url="https://k8s4r.example", audience="k8s4r.example", image="k8s4r-agent@sha256:" + 64 * "0"
)
RUNS = {"phase": "Running", "ready": True, "node": "n1", "container": ContainerSeen(running=True)}


@dataclass(eq=False)
class Played:
    """Clusters by config, and a clock that only moves when a test says so."""

    ports: dict[UUID, ClusterPort] = field(default_factory=dict)
    at: datetime = NOON
    rules: Rules = field(default_factory=Rules)

    def open(self, config_id: UUID) -> ClusterPort:
        return self.ports[config_id]

    def forget(self, config_id: UUID) -> None:
        """Nothing is kept."""

    def means(self, clock: Callable[[], datetime] | None = None) -> Means:
        return Means(self, PLATFORM, self.rules, clock or (lambda: self.at))

    def work(self, pool: Pool, *, after_s: float = 0.0, look: bool = True) -> bool:
        """Let time pass, then do a round on the pool's cluster."""
        self.at += timedelta(seconds=after_s)
        return rounds.reconcile(pool.k8s_config_id, self.means(), look=look)


def a_played_cluster(pool: Pool, **facts: object) -> tuple[FakeCluster, Played]:
    """Return a cluster in memory for a pool's config, and the rounds on it."""
    fake = FakeCluster(namespace=pool.k8s_config.namespace, now=NOON, **facts)
    return fake, Played({pool.k8s_config_id: fake})


def state(pod: Pod) -> str:
    """Return the state of a pod's row now."""
    return str(Pod.objects.values_list("state", flat=True).get(pk=pod.pk))
