"""Pools get their pods in one call, by a K8s config of their project."""

import pytest

from k8s4r import clock
from pools.models import K8sConfig, Pool
from tests.api.test_k8s_configs import made, problems_of
from tests.builders import a_k8s_config, a_pod, a_pod_pool, a_project
from tests.factors import ENCRYPTION_KEY


@pytest.fixture(autouse=True)
def _key(settings):
    settings.ENCRYPTION_KEY = ENCRYPTION_KEY


def test_a_pool_gets_its_pods_in_one_call_by_the_default_config(api):
    made(api, name="prod")
    answer = api.post("agent-pools", {"name": "p", "k8s": {"max_pods": 50, "cooldown_s": 60}})
    assert answer.status_code == 201, answer.content
    assert answer.json()["k8s"] == {
        "config": "prod", "config_id": str(K8sConfig.objects.get().pk), "mode": "slots",
        "min_pods": 0, "max_pods": 50, "warm_spares": 0, "cooldown_s": 60, "max_surge": 10,
        "keep_failed_s": 0, "pod_template": {},
    }  # fmt: skip
    at = f"agent-pools/{answer.json()['id']}"
    changed = api.patch(at, {"k8s": {"min_pods": 2}}).json()["k8s"]
    assert (changed["min_pods"], changed["max_pods"]) == (2, 50)
    assert api.patch(at, {"k8s": None}).json()["k8s"] is None
    assert api.get(at).json()["k8s"] is None


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"k8s": {"config": "nowhere"}}, "/k8s/config"),
        ({"k8s": {"min_pods": 5, "max_pods": 2}}, "/k8s/min_pods"),
        ({"k8s": {"warm_spares": 11}}, "/k8s/warm_spares"),
        ({"k8s": {"mode": "x"}}, "/k8s/mode"),
        ({"k8s": {}, "pool_type": "static"}, "/pool_type"),
        ({"k8s": {"replicas": 3}}, "/k8s/replicas"),
    ],
)
def test_pods_that_do_not_fit_the_pool_are_refused_by_name(api, body, pointer):
    made(api)
    answer = api.post("agent-pools", {"name": "p", **body})
    assert answer.status_code == 422, answer.content
    assert pointer in {one["pointer"] for one in answer.json()["errors"]}
    assert not Pool.objects.filter(name="p").exists()


def test_without_a_default_config_a_pool_has_to_name_one(api):
    a_k8s_config("other", project=a_project("second"), is_default=True)
    answer = api.post("agent-pools", {"name": "p", "k8s": {}})
    assert problems_of(answer) == {("/k8s/config", "unknown")}


def test_the_default_pool_has_no_pods_and_a_pool_with_pods_lists_no_agents(api, pool):
    made(api)
    assert problems_of(api.patch(f"agent-pools/{pool.pk}", {"k8s": {}})) == {
        ("/k8s", "default_pool")
    }
    row = api.post("agent-pools", {"name": "p", "k8s": {}}).json()
    answer = api.post(f"agent-pools/{row['id']}/agents", {"agent_id": row["id"]})
    assert answer.status_code == 409


def test_a_pool_with_pods_keeps_its_config_until_they_are_gone(api):
    made(api, name="a"), made(api, name="b")
    pool = a_pod_pool(k8s_config=K8sConfig.objects.get(name="a"))
    pod = a_pod(pool)
    at = f"agent-pools/{pool.pk}"
    for change in ({"config": "b"}, {"mode": "task"}):
        assert api.patch(at, {"k8s": change}).status_code == 409
    assert api.patch(at, {"k8s": None}).status_code == 409
    assert api.patch(at, {"k8s": {"max_pods": 0}}).status_code == 200
    type(pod).objects.update(state="gone", gone_at=clock.now())
    assert api.patch(at, {"k8s": {"config": "b", "mode": "task"}}).json()["k8s"]["mode"] == "task"
