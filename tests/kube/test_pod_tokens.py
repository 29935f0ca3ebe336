"""Which tokens prove a pod? Asked of a real cluster, by the account and the Role of deploy/."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import pytest

from k8s4r import clock
from k8s4r.core.errors import Unauthenticated
from pools.core import manifests
from pools.core.access import Access, Credential
from pools.core.identity import Mismatch
from pools.core.manifests import Ground, Identity, Platform
from pools.core.pods import PodMode
from pools.core.templates import PodTemplate
from pools.kube import connect
from pools.kube.cluster import KubeCluster
from pools.services import identifying
from pools.services.identifying import AskingPod, NotThisPod
from tests.cluster.manifests import AGENT_ACCOUNT
from tests.cluster.namespaces import Access as Told
from tests.cluster.namespaces import Namespace
from tests.waiting import wait_until

AUDIENCE = "k8s4r.example"
CONFIG = clock.new_id()


@contextmanager
def opened(told: Told) -> Iterator[KubeCluster]:
    """Open the cluster as the product is told of it."""
    access = Access(
        config=str(CONFIG),
        server=told.server,
        addresses=(ip_address(urlsplit(told.server).hostname or ""),),
        ca=told.ca_pem,
        namespace=told.namespace,
        credential=Credential(token=told.token),
    )
    client = connect.open(access)
    try:
        yield KubeCluster(client, told.namespace)
    finally:
        client.close()


@pytest.fixture
def port(product_access: Told) -> Iterator[KubeCluster]:
    with opened(product_access) as cluster:
        yield cluster


def a_manifest(namespace: Namespace, name: str, *, audience: str = AUDIENCE) -> dict[str, Any]:
    """Return the product's own manifest, whose container says its token instead of working."""
    ground = Ground(
        config=str(CONFIG),
        namespace=namespace.name,
        pool=str(clock.new_id()),
        pool_name="slots",
        project="films",
        mode=PodMode.SLOTS,
        platform=Platform(url="http://127.0.0.1:9", audience=audience, image="localhost/agent"),
        template=PodTemplate(),
        service_account=AGENT_ACCOUNT,
    )
    made = manifests.manifest(ground, Identity(pod=str(clock.new_id()), name=name))
    say = f"cat {manifests.TOKEN_FILE}; echo; exec sleep 300"
    made["spec"]["containers"][0]["command"] = ["sh", "-c", say]
    made["spec"]["terminationGracePeriodSeconds"] = 0
    return made


class Running:
    """A pod of ours that runs, what we know of it, and the token that Kubernetes put there."""

    def __init__(self, namespace: Namespace, port: KubeCluster, name: str, **options: str) -> None:
        made = a_manifest(namespace, name, **options)
        self.seen = port.create_pod(made)
        self.known = AskingPod(
            id=clock.new_id(),
            config_id=CONFIG,
            agent_id=clock.new_id(),
            project_id=clock.new_id(),
            namespace=namespace.name,
            name=name,
            uid=self.seen.uid,
        )
        wait_until(lambda: namespace.pod(name)["status"].get("phase") == "Running")
        self.token = wait_until(lambda: port.pod_log(name, most_bytes=65536)).strip()


def of_no_pod(namespace: Namespace) -> str:
    """Return a token of the agents' account for our audience that no pod has."""
    path = f"{namespace.path}/serviceaccounts/{AGENT_ACCOUNT}/token"
    return str(namespace.admin.post(path, {"spec": {"audiences": [AUDIENCE]}})["status"]["token"])


def test_a_pods_own_token_proves_it_and_no_other_does(
    namespace: Namespace, port: KubeCluster, product_access: Told
) -> None:
    one, two = (Running(namespace, port, name) for name in ("one", "two"))
    elsewhere = Running(namespace, port, "elsewhere", audience="https://somebody.example")

    def prove(token: str, known: AskingPod = one.known) -> str:
        return identifying.vouched(known, token, port=port, audience=AUDIENCE)

    assert prove(one.token) == one.seen.uid
    head, body, signature = one.token.split(".")
    forged = ".".join((head, body, signature[::-1]))
    for bad in (forged, "not.a.token", "x" * 5000, elsewhere.token, product_access.token):
        with pytest.raises(Unauthenticated):
            prove(bad)
    with pytest.raises(NotThisPod) as refused:
        prove(two.token)
    assert refused.value.why is Mismatch.OTHER_NAME
    with pytest.raises(NotThisPod) as refused:
        prove(of_no_pod(namespace))
    assert refused.value.why is Mismatch.NO_POD

    # A pod that is gone proves nothing as soon as the apiserver forgets what it answered (10 s),
    # and one of its name that follows is another.
    port.delete_pod("one", uid=one.seen.uid)
    wait_until(lambda: port.review_token(one.token, audience=AUDIENCE) is None)
    again = Running(namespace, port, "one")
    with pytest.raises(NotThisPod) as refused:
        prove(again.token)
    assert refused.value.why is Mismatch.OTHER_UID


def test_nothing_that_the_cluster_keeps_of_a_pod_proves_anything(
    namespace: Namespace, port: KubeCluster
) -> None:
    pod = Running(namespace, port, "one")
    stored = json.dumps(namespace.pod("one"))
    assert pod.token not in stored
    assert "eyJ" not in stored
