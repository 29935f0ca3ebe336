"""Hostile kubeconfigs, servers and pod templates are refused at every entry; nobody is called."""

import socket

import pytest

from pools.models import K8sConfig, Pool
from tests.api.test_k8s_configs import made, problems_of
from tests.builders import a_pod_pool
from tests.factors import ENCRYPTION_KEY
from tests.kube import hostile


@pytest.fixture(autouse=True)
def _key(settings):
    settings.ENCRYPTION_KEY = ENCRYPTION_KEY


def entries(api):
    """Return how a body is sent to each entry, by name."""
    row = made(api, name="present")
    at = f"k8s-configs/{row['id']}"
    return {
        "create": lambda body: api.post("k8s-configs", {"name": "x", **body}),
        "replace": lambda body: api.put(at, {"name": "present", **body}),
        "patch": lambda body: api.patch(at, body),
    }


def test_each_hostile_kubeconfig_is_refused_at_every_entry_and_nothing_runs(api, tmp_path):
    marker = tmp_path / "ran"
    for sent in entries(api).values():
        before = [*K8sConfig.objects.values()]
        for name, (at, rule, text) in hostile.kubeconfigs(str(marker)).items():
            answer = sent({"kubeconfig": text()})
            assert answer.status_code == 422, (name, answer.content)
            assert (at, rule) in problems_of(answer), name
        assert [*K8sConfig.objects.values()] == before
    assert not marker.exists()


def test_each_server_inside_is_refused_at_every_entry_and_not_called(api, listening):
    servers = {**hostile.SERVERS, f"https://127.0.0.1:{listening.port}": "private"}
    for sent in entries(api).values():
        for server, rule in servers.items():
            answer = sent({"server": server, "token": hostile.CANARY})
            found = {one["rule"] for one in answer.json()["errors"]}
            assert answer.status_code == 422, server
            assert rule in found or "bounds" in found, (server, found)
            whole = sent({"kubeconfig": hostile.a_kubeconfig(cluster={"server": server})})
            assert whole.status_code == 422, server
    assert listening.connections == 0


def test_a_name_that_turns_inside_later_is_not_called_when_it_is_tested(
    api, listening, monkeypatch
):
    """Rebinding: public when the config is written, our own loopback when it is used."""
    answers = iter(["93.184.215.14", "127.0.0.1"])

    def turning(host, port, **options):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    monkeypatch.setattr(socket, "getaddrinfo", turning)
    row = made(api, server=f"https://turns.example:{listening.port}")
    report = api.post(f"k8s-configs/{row['id']}/test").json()
    assert report["healthy"] is False
    assert "127.0.0.1" in report["steps"][0]["detail"]
    assert "K8S4R_CLUSTER_ALLOWED_NETWORKS" in report["steps"][0]["detail"]
    assert listening.connections == 0


def test_each_hostile_pod_template_is_refused_at_every_entry(api):
    at = f"k8s-configs/{made(api, name='its')['id']}"
    pool = a_pod_pool(k8s_config=K8sConfig.objects.get(name="its"))
    pools = f"agent-pools/{pool.pk}"
    senders = {
        **{name: _within(sent) for name, sent in entries(api).items()},
        "its own": lambda it: (api.put(f"{at}/pod-template", it), ""),
        "preview": lambda it: (
            api.post(f"{at}/pod-template/preview", {"pod_template": it}),
            "/pod_template",
        ),
        "new pool": lambda it: (
            api.post("agent-pools", {"name": "n", "k8s": {"pod_template": it}}),
            "/k8s/pod_template",
        ),
        "put pool": lambda it: (
            api.put(pools, {"name": pool.name, "k8s": {"pod_template": it}}),
            "/k8s/pod_template",
        ),
        "patch pool": lambda it: (
            api.patch(pools, {"k8s": {"pod_template": it}}),
            "/k8s/pod_template",
        ),
    }
    for entry, sent in senders.items():
        for name, (where, rule, template) in hostile.TEMPLATES.items():
            if (entry, name) == ("its own", "serviceAccountName"):
                continue  # the config's own field: see below
            answer, at_template = sent(dict(template))
            assert answer.status_code == 422, (entry, name, answer.content)
            assert (f"{at_template}{where}", rule) in problems_of(answer), (entry, name)
    assert Pool.objects.get(pk=pool.pk).pod_template == {}


def _within(sent):
    connection = {"server": hostile.SERVER, "token": hostile.CANARY}
    return lambda it: (sent({**connection, "pod_template": it}), "/pod_template")
