"""Scale-in against assign, told by the apiserver's own record: no pod with work is ever deleted."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection

from k8s4r import clock
from pools.core.ports import ClusterPort
from pools.models import K8sConfig
from pools.services import acting
from tests.builders import a_k8s_config
from tests.cluster.manifests import ACCOUNT, AGENT_ACCOUNT
from tests.cluster.namespaces import Namespace
from tests.cluster.nodes import Node
from tests.clusters import PLATFORM
from tests.concurrency.duel import Duel, busy, connect, going
from tests.kube.clusters import reached

pytestmark = pytest.mark.django_db(transaction=True)


def act(config: K8sConfig, port: ClusterPort) -> int:
    return acting.run(config.pk, port, PLATFORM, clock=clock.now)


@contextmanager
def worked_on(config: K8sConfig, port: ClusterPort) -> Iterator[None]:
    """Do what the rows ask for all the time; in the end, what is left of it."""
    over = threading.Event()

    def work() -> None:
        try:
            while not over.wait(0.02):
                act(config, port)
        finally:
            connection.close()

    worker = threading.Thread(target=work)
    worker.start()
    try:
        yield
    finally:
        over.set()
        worker.join(60)
    act(config, port)


def deleted(namespace: Namespace) -> list[str]:
    """Return the names of the pods that the product asked to delete, in order."""
    user = f"system:serviceaccount:{namespace.name}:{ACCOUNT}"
    wanted = {"verb": "delete", "resource": "pods", "namespace": namespace.name, "user": user}
    return [one["objectRef"]["name"] for one in namespace.cluster.audit(**wanted)]


def fight(namespace: Namespace, count: int) -> None:
    config = a_k8s_config(
        server=namespace.cluster.server,
        namespace=namespace.name,
        service_account_name=AGENT_ACCOUNT,
    )
    duel = Duel(config, count)
    with reached(namespace.access()) as port:
        assert act(config, port) == count
        connect(duel.pods)
        with worked_on(config, port):
            placed, drained = duel.fight()
    names = {pod.pk: pod.name for pod in duel.pods}
    gone = deleted(namespace)
    assert not set(gone) & {names[one] for one in busy(duel.pods)}
    assert duel.clashes == []
    assert sorted(gone) == sorted(names[one] for one in going(duel.pods))
    assert (len(busy(duel.pods)), len(gone)) == (placed, drained)
    assert placed > 0
    assert drained > 0


def test_no_pod_with_work_is_deleted_in_two_hundred_races(
    namespace: Namespace, pretending_node: Node
) -> None:
    fight(namespace, 200)


@pytest.mark.faults
def test_no_pod_with_work_is_deleted_in_a_thousand_races(
    namespace: Namespace, pretending_node: Node
) -> None:
    fight(namespace, 1_000)
