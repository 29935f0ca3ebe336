"""The port keeps its promises, on the cluster in memory and on a real one alike."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from threading import Thread
from typing import Any

import pytest

from pools.core.ports import (
    BUSY_LABEL,
    CONFIG_LABEL,
    AlreadyExists,
    ClusterPort,
    OtherPod,
    QuotaExceeded,
    Verb,
)
from pools.kube.fake import FakeCluster
from tests.builders import NOON
from tests.cluster.namespaces import Namespace
from tests.kube.clusters import ours, reached
from tests.waiting import wait_until

OTHER_UID = "11111111-2222-3333-4444-555555555555"
BUDGET = {
    "apiVersion": "policy/v1",
    "kind": "PodDisruptionBudget",
    "metadata": {"name": "busy"},
    "spec": {"minAvailable": 1, "selector": {"matchLabels": {BUSY_LABEL: "true"}}},
}


@dataclass(frozen=True)
class Ground:
    """A port, and who stands behind it: what only an admin, or the cluster itself, may do."""

    port: ClusterPort
    fake: FakeCluster | None = None
    namespace: Namespace | None = None

    def limit_pods(self, most: int) -> None:
        if self.fake is not None:
            self.fake.most_pods = most
            return
        assert self.namespace is not None
        quota = {"metadata": {"name": "q"}, "spec": {"hard": {"pods": str(most)}}}
        path = f"{self.namespace.path}/resourcequotas"
        self.namespace.admin.post(path, quota)
        wait_until(lambda: self._has_status(path))

    def _has_status(self, path: str) -> bool:
        assert self.namespace is not None
        return bool(self.namespace.admin.get(f"{path}/q").get("status", {}).get("hard"))


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.cluster)])
def port_ground(request: pytest.FixtureRequest) -> Iterator[Ground]:
    if request.param == "fake":
        fake = FakeCluster(now=NOON, grace=True)
        yield Ground(fake, fake=fake)
        return
    namespace = request.getfixturevalue("namespace")
    with reached(request.getfixturevalue("product_access")) as port:
        yield Ground(port, namespace=namespace)


def test_a_pod_is_made_once_and_read_again(port_ground):
    made = port_ground.port.create_pod(ours("one"))
    assert (made.name, made.labels[CONFIG_LABEL], bool(made.uid)) == ("one", "c", True)
    with pytest.raises(AlreadyExists):
        port_ground.port.create_pod(ours("one"))
    read = port_ground.port.pod("one")
    assert read is not None
    assert (read.uid, read.deleting) == (made.uid, False)
    assert port_ground.port.pod("none") is None


def test_a_dry_run_makes_nothing(port_ground):
    port_ground.port.create_pod(ours("one"), dry_run=True)
    assert port_ground.port.pod("one") is None


def test_a_list_has_the_pods_of_its_config_alone(port_ground):
    for name, config in (("one", "c"), ("two", "c"), ("three", "other")):
        port_ground.port.create_pod(ours(name, config=config))
    assert {pod.name for pod in port_ground.port.list_pods("c").pods} == {"one", "two"}
    assert port_ground.port.list_pods("nobodys").pods == []


def test_a_delete_names_whom_it_means(port_ground):
    made = port_ground.port.create_pod(ours("one"))
    with pytest.raises(OtherPod):
        port_ground.port.delete_pod("one", uid=OTHER_UID)
    assert port_ground.port.delete_pod("one", uid=made.uid, grace_s=0)
    wait_until(lambda: port_ground.port.pod("one") is None)
    assert not port_ground.port.delete_pod("one", uid=made.uid)


def test_a_patch_sets_and_takes_away_and_names_whom_it_means(port_ground):
    made = port_ground.port.create_pod(ours("one"))
    change: dict[str, Any] = {"labels": {BUSY_LABEL: "true"}, "annotations": {"a/b": "c"}}
    assert port_ground.port.patch_pod("one", uid=made.uid, **change)
    seen = port_ground.port.pod("one")
    assert (seen.labels[BUSY_LABEL], seen.annotations["a/b"]) == ("true", "c")
    port_ground.port.patch_pod("one", uid=made.uid, labels={BUSY_LABEL: None}, annotations={})
    assert BUSY_LABEL not in port_ground.port.pod("one").labels
    with pytest.raises(OtherPod):
        port_ground.port.patch_pod("one", uid=OTHER_UID, **change)
    assert not port_ground.port.patch_pod("none", uid=made.uid, **change)


def test_a_quota_that_is_used_up_has_an_error_of_its_own(port_ground):
    port_ground.limit_pods(1)
    port_ground.port.create_pod(ours("one"))
    with pytest.raises(QuotaExceeded):
        port_ground.port.create_pod(ours("two"))


def test_a_watch_tells_of_changes_from_now_on(port_ground):
    """A real pod that was there before goes on changing, until it runs."""
    port_ground.port.create_pod(ours("before"))
    heard: list[str] = []

    def listen() -> None:
        while not is_new_heard():
            for name in port_ground.port.watch_pods("c"):
                heard.append(name)
                if is_new_heard():
                    return

    def is_new_heard() -> bool:
        return any(name.startswith("one-") for name in heard)

    thread = Thread(target=listen)
    thread.start()
    numbers = count()

    def is_heard() -> bool:
        number = next(numbers)
        port_ground.port.create_pod(ours(f"foreign-{number}", config="other"))
        port_ground.port.create_pod(ours(f"one-{number}"))
        return is_new_heard()

    wait_until(is_heard, every_s=0.2)
    thread.join(timeout=30)
    assert {name.split("-")[0] for name in heard} <= {"before", "one"}


def test_a_budget_is_made_once_and_deleted_at_will(port_ground):
    for _ in range(2):
        port_ground.port.ensure_budget(BUDGET)
    for _ in range(2):
        port_ground.port.delete_budget("busy")
    port_ground.port.ensure_budget(BUDGET)


def test_a_cluster_has_one_uid(port_ground):
    assert port_ground.port.cluster_uid() == port_ground.port.cluster_uid() != ""


def test_there_is_no_log_of_a_pod_that_there_is_not(port_ground):
    assert port_ground.port.pod_log("none", most_bytes=100) == ""


def test_there_is_no_node_of_that_name(port_ground):
    assert port_ground.port.node_ready("none") is None


def test_a_token_that_is_none_belongs_to_nobody(port_ground):
    assert port_ground.port.review_token("nonsense", audience="us") is None


def test_what_the_role_grants_is_allowed(port_ground):
    verbs = [Verb("create", "pods"), Verb("list", "pods"), Verb("get", "pods", subresource="log")]
    assert list(port_ground.port.allowed(verbs)) == [True, True, True]
