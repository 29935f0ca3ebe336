"""A pool whose pods are in a real cluster, reached by the product's own account."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from k8s4r import clock
from pools.core.failures import Patience
from pools.core.pods import PodEvent
from pools.core.ports import POOL_LABEL, ClusterPort
from pools.core.sightings import Rules
from pools.models import Pod, Pool
from pools.services import pods
from tests.builders import a_k8s_config, a_pod, a_pod_pool
from tests.cluster.clusters import Cluster
from tests.cluster.namespaces import Namespace
from tests.cluster.proxy import Proxy, proxied
from tests.clusters import Played
from tests.kube.clusters import ours, reached
from tests.waiting import wait_until

# Trouble counts at once here: tests do not wait for minutes.
IMPATIENT = Patience(pull=timedelta(0), schedule=timedelta(0), connect=timedelta(0), restarts=1)


@dataclass(eq=False)
class Field:
    """A pool, its pods' namespace, and rounds on it by the real clock moved on by hand."""

    pool: Pool
    namespace: Namespace
    port: ClusterPort
    rules: Rules = field(default_factory=Rules)
    ahead: timedelta = timedelta(0)

    def now(self) -> datetime:
        return clock.now() + self.ahead

    def work(self, *, look: bool = True, after_s: float = 0.0) -> bool:
        """Do a round, as if so much time had passed."""
        self.ahead += timedelta(seconds=after_s)
        played = Played({self.pool.k8s_config_id: self.port}, rules=self.rules)
        return _rounds(played, self, look=look)

    def until(self, pod: Pod, *states: str, timeout_s: float = 60.0) -> Pod:
        """Do rounds until the pod's row is in one of these states; return it."""

        def there() -> bool:
            self.work()
            pod.refresh_from_db()
            return pod.state in states

        wait_until(there, timeout_s=timeout_s, every_s=0.5)
        return pod

    def seen(self, pod: Pod) -> dict[str, Any]:
        return self.namespace.pod(pod.name)

    def a_pod(self, *command: str, fault: str = "", **spec: Any) -> Pod:
        """Return the row of a pod that runs this command, and make the pod by hand."""
        row = a_pod(self.pool, now=self.now())
        made = dict(ours(row.name, *command, config=str(row.config_id), pod=str(row.pk)))
        made["spec"] = {**made["spec"], **spec}
        made["metadata"]["labels"][POOL_LABEL] = str(self.pool.pk)
        made["metadata"]["annotations"] = {"k8s4r.test/fault": fault} if fault else {}
        seen = self.port.create_pod(made)
        pods.move([row.pk], PodEvent.CREATED, now=self.now(), uid=seen.uid)
        pods.finish([row.pk], "create", now=self.now())
        row.refresh_from_db()
        return row

    def deletes(self) -> list[str]:
        """Return the names of the pods that our account deleted, by the apiserver's own record."""
        user = f"system:serviceaccount:{self.namespace.name}:k8s4r"
        found = self.namespace.cluster.audit(
            verb="delete", resource="pods", namespace=self.namespace.name, user=user
        )
        return [one["objectRef"]["name"] for one in found]


def _rounds(played: Played, told: Field, *, look: bool) -> bool:
    from executors.clusters import rounds  # noqa: PLC0415 - with Django alone

    return rounds.reconcile(told.pool.k8s_config_id, played.means(told.now), look=look)


def a_pool_in(namespace: Namespace) -> Pool:
    """Return a pool whose pods are to be in a namespace of the test cluster."""
    config = a_k8s_config(
        server=namespace.cluster.server,
        namespace=namespace.name,
        service_account_name="k8s4r-agent",
    )
    return a_pod_pool(k8s_config=config)


@pytest.fixture
def proxy(cluster: Cluster, tmp_path: Path) -> Iterator[Proxy]:
    with proxied(cluster, tmp_path) as started:
        yield started


@pytest.fixture
def ground(db: None, namespace: Namespace) -> Iterator[Field]:
    with ExitStack() as stack:
        port = stack.enter_context(reached(namespace.access()))
        yield Field(a_pool_in(namespace), namespace, port)


@pytest.fixture
def broken_ground(db: None, namespace: Namespace, proxy: Proxy) -> Iterator[Field]:
    """The same with a proxy between, to be broken by rules."""
    with reached(namespace.access(), server=proxy.server) as port:
        yield Field(a_pool_in(namespace), namespace, port)
