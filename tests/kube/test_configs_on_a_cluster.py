"""A K8s config on a real control plane: made over REST, tested verb by verb, previewed, dry run."""

import pytest

from k8s4r.settings import ENV
from tests.api.conftest import Api, token_of
from tests.builders import a_pool, an_admin
from tests.cluster.namespaces import Access, Namespace
from tests.factors import ENCRYPTION_KEY
from tests.kube import hostile

pytestmark = pytest.mark.django_db


@pytest.fixture
def api(settings):
    settings.ENCRYPTION_KEY = ENCRYPTION_KEY
    settings.ENV = ENV.model_copy(update={"cluster_allowed_networks": "127.0.0.0/8"})
    a_pool(name="default")
    return Api(token_of(an_admin("alice")))


def connected(api: Api, told: Access, **changes) -> str:
    body = {
        "name": "real", "server": told.server, "ca_data": told.ca_pem, "token": told.token,
        "namespace": told.namespace, "service_account_name": "k8s4r-agent", **changes,
    }  # fmt: skip
    answer = api.post("k8s-configs", body)
    assert answer.status_code == 201, answer.content
    return f"k8s-configs/{answer.json()['id']}"


def bad_steps(report) -> dict[str, str]:
    return {one["name"]: one["detail"] for one in report["steps"] if not one["ok"]}


def test_the_published_role_is_all_that_is_needed_and_a_missing_verb_is_named(
    api: Api, namespace: Namespace, product_access: Access
) -> None:
    at = connected(api, product_access)
    report = api.post(f"{at}/test").json()
    assert bad_steps(report) == {}
    assert report["healthy"] is True
    assert report["version"].startswith("v1.")
    assert report["cluster_uid"] == api.get(at).json()["cluster_uid"] != ""
    assert report["credential_expires_at"] is not None, "a token of TokenRequest says it"
    path = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace.name}/roles"
    admin = namespace.cluster.admin
    for role in admin.get(path)["items"]:
        kept = [rule for rule in role["rules"] if "pods/log" not in rule["resources"]]
        admin.patch(f"{path}/{role['metadata']['name']}", {"rules": kept})
    short = api.post(f"{at}/test").json()
    assert "may get pods/log" in bad_steps(short)
    assert any("deploy/kubernetes" in one["advice"] for one in short["steps"])


def test_what_is_wrong_with_the_way_in_is_said_and_holds_no_secret(
    api: Api, product_access: Access
) -> None:
    stranger = connected(api, product_access, name="ca", ca_data=hostile.an_authority().pem)
    assert "certificate" in bad_steps(api.post(f"{stranger}/test").json())["reach"].lower()
    nobody = connected(api, product_access, name="token", token=hostile.CANARY)
    report = api.post(f"{nobody}/test")
    assert "401" in bad_steps(report.json())["reach"]
    assert hostile.CANARY not in report.content.decode()


def test_the_real_admission_takes_our_pods_in_a_restricted_namespace(
    api: Api, product_access: Access
) -> None:
    at = connected(api, product_access)
    template = {
        "env": [{"name": "K8S4R_ENV_POOL", "value": "{{pool}}"}],
        "volumeMounts": [{"name": "cache", "mountPath": "/cache", "sizeLimit": "1Gi"}],
        "securityContext": {"runAsUser": 1000},
    }
    for mode in ("slots", "task"):
        body = {"pod_template": template, "mode": mode, "dry_run": "server"}
        answer = api.post(f"{at}/pod-template/preview", body)
        assert answer.status_code == 200, answer.content
        assert answer.json()["refused"] == ""
    api.patch(at, {"service_account_name": "nobody-made-this"})
    refused = api.post(f"{at}/pod-template/preview", {"dry_run": "server"}).json()["refused"]
    assert "nobody-made-this" in refused
