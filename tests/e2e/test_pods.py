"""A pool of pods from nothing to nothing, on a real Kubernetes with the real agent in each pod."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx2
import pytest

from k8s4r import clock
from k8s4r.access import selectors
from pools.core.access import Credential
from pools.models import K8sConfig, Pod, Pool
from pools.services import configs
from tests.builders import a_pod_pool, a_project, an_admin
from tests.cluster.manifests import AGENT_ACCOUNT
from tests.cluster.namespaces import Access, Namespace
from tests.e2e.podland import control_plane
from tests.ports import held_port
from tests.serving import Served, a_persons_token
from tests.waiting import wait_until

pytestmark = [pytest.mark.processes, pytest.mark.timeout(240)]

Json = dict[str, Any]
FINAL = {"completed", "failed", "cancelled", "timed_out"}


@dataclass
class Land:
    """A control plane and its one cluster, as a person sees them."""

    config: K8sConfig
    namespace: Namespace
    port: int
    token: str
    stack: ExitStack = field(default_factory=ExitStack)

    def begin(self) -> Served:
        """Start a control plane that knows what the rows say and nothing else."""
        return self.stack.enter_context(control_plane(self.config.pk, self.port))

    def end(self) -> None:
        self.stack.close()

    def call(self, method: str, path: str, body: object = None) -> Any:
        answer = httpx2.request(
            method,
            f"http://127.0.0.1:{self.port}/api/v1/{path}",
            json=body,
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=30,
        )
        assert answer.is_success, answer.text
        return answer.json()

    def submit(self, pool: Pool, **fields: Any) -> UUID:
        made = self.call(
            "POST", "tasks", {"pool": pool.name, "project": pool.project.name, **fields}
        )
        return UUID(made["id"])

    def task(self, task_id: UUID) -> Json:
        found: Json = self.call("GET", f"tasks/{task_id}")
        return found

    def ended(self, task_id: UUID, *, timeout_s: float = 60) -> Json:
        def over() -> Json | None:
            found = self.task(task_id)
            return found if found["state"] in FINAL else None

        return wait_until(over, timeout_s=timeout_s, every_s=0.2)

    def pods(self) -> list[Json]:
        return self.namespace.pods()


@pytest.fixture
def land(
    transactional_db: None, settings: Any, namespace: Namespace, product_access: Access
) -> Iterator[Land]:
    settings.ENCRYPTION_KEY = "k" * 40
    settings.ENV = settings.ENV.model_copy(update={"cluster_allowed_networks": "127.0.0.0/8"})
    port = held_port()
    settings.POD_URL = f"http://127.0.0.1:{port}"
    columns = {
        "name": "cluster",
        "server": product_access.server,
        "ca_data": product_access.ca_pem,
        "namespace": namespace.name,
        "service_account_name": AGENT_ACCOUNT,
        "credential_kind": "token",
    }
    config = configs.create(
        columns,
        Credential(token=product_access.token),
        project=a_project(),
        principal=selectors.person(an_admin("chief")),
        now=clock.now(),
    )
    made = Land(config, namespace, port, a_persons_token())
    made.begin()
    yield made
    made.end()


def shell(script: str) -> Json:
    return {"argv": ["sh", "-c", script]}


def test_a_pool_grows_from_nothing_and_goes_back_to_nothing(land: Land) -> None:
    pool = a_pod_pool(k8s_config=land.config, name="slots", min_pods=0, max_pods=2, cooldown_s=2)
    assert land.pods() == []
    task = land.submit(pool, spec=shell("hostname; echo $K8S4R_POOL"))
    ended = land.ended(task)
    assert ended["state"] == "completed", ended
    pod = Pod.objects.get()
    wait_until(lambda: Pod.objects.get().state == "gone", timeout_s=60)
    assert land.pods() == []
    assert pod.uid
