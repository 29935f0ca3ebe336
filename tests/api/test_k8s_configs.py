"""K8s configs over REST: what opens a cluster goes in and never comes out."""

import json
import logging
from datetime import timedelta
from ipaddress import ip_address

import pytest
from django.db import transaction

from k8s4r import clock
from k8s4r.audit.models import AuditEvent
from k8s4r.core.networks import allowed_from
from k8s4r.secrets import vault
from pools.core.ports import ClusterRefused
from pools.core.sightings import Rules
from pools.kube.fake import FakeCluster
from pools.models import K8sConfig, Reach
from pools.services import configs, health, reach, reconciling
from tests.builders import a_pod, a_pod_pool
from tests.factors import ENCRYPTION_KEY
from tests.kube import hostile

NOTHING = allowed_from("")


@pytest.fixture(autouse=True)
def _key(settings):
    settings.ENCRYPTION_KEY = ENCRYPTION_KEY


def made(api, **fields):
    """Make a config by server and token, and return the answer."""
    body = {"name": "c", "server": hostile.SERVER, "token": hostile.CANARY, **fields}
    answer = api.post("k8s-configs", body)
    assert answer.status_code == 201, answer.content
    return answer.json()


def problems_of(answer):
    return {(one["pointer"], one["rule"]) for one in answer.json()["errors"]}


def test_a_kubeconfig_and_its_parts_make_the_same_config(api):
    ca = hostile.an_authority().pem
    whole = api.post("k8s-configs", {"name": "a", "kubeconfig": hostile.a_kubeconfig()}).json()
    parts = made(api, name="b", ca_data=ca, namespace="work")
    same = ("server", "ca_data", "namespace", "credential_kind", "credential_expires_at")
    assert {name: whole[name] for name in same} == {name: parts[name] for name in same}
    assert whole["context_name"] == "it"
    assert (whole["healthy"], whole["status"]) == (None, "active")
    assert api.get("k8s-configs").json()["items"] == [whole, parts]
    assert api.get(f"k8s-configs/{parts['id']}").json() == parts


def test_the_credential_is_encrypted_and_in_no_answer_log_event_or_error(api, caplog):
    caplog.set_level(logging.DEBUG)
    row = made(api)
    told = [
        api.get(f"k8s-configs/{row['id']}").content,
        api.get("k8s-configs").content,
        api.post(
            "k8s-configs", {"name": "c", "server": "http://x", "token": hostile.CANARY}
        ).content,
        api.post("k8s-configs", {"name": "d", "kubeconfig": hostile.CANARY}).content,
        api.patch(f"k8s-configs/{row['id']}", {"token": hostile.CANARY + "\n"}).content,
        api.patch(f"k8s-configs/{row['id']}", {"token": hostile.CANARY}).content,
    ]
    events = json.dumps([*AuditEvent.objects.values()], default=str)
    kept = K8sConfig.objects.get().encrypted_credential
    assert kept.startswith("v1.")
    for text in [*map(bytes.decode, told), events, caplog.text, kept]:
        assert "canary" not in text.lower()
        assert hostile.CANARY[:20] not in text


def openings_of(row):
    return AuditEvent.objects.filter(cause="open_secret", object_id=row.pk).count()


def test_opening_the_credential_is_on_record_once_for_a_process_and_a_change(
    api, django_capture_on_commit_callbacks
):
    row = K8sConfig.objects.get(pk=made(api)["id"])
    for _ in range(3):
        with django_capture_on_commit_callbacks(execute=True):
            access = configs.access(row, allowed=NOTHING, now=clock.now())
    assert access.credential.token == hostile.CANARY
    assert access.addresses == (ip_address("93.184.215.14"),)
    assert openings_of(row) == 1
    api.patch(f"k8s-configs/{row.pk}", {"token": "other"})
    row.refresh_from_db()
    assert configs.access(row, allowed=NOTHING, now=clock.now()).credential.token == "other"
    assert openings_of(row) == 2


def test_an_opening_whose_record_is_lost_with_its_transaction_is_on_record_with_the_next(
    api, django_capture_on_commit_callbacks
):
    row = K8sConfig.objects.get(pk=made(api)["id"])
    with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
        configs.access(row, allowed=NOTHING, now=clock.now())
        transaction.set_rollback(True)
    assert openings_of(row) == 0
    configs.access(row, allowed=NOTHING, now=clock.now())
    assert openings_of(row) == 1


def test_exactly_one_config_of_a_project_is_the_default(api):
    first, second = made(api, name="a"), made(api, name="b")
    assert (first["is_default"], second["is_default"]) == (True, False)
    assert api.post(f"k8s-configs/{second['id']}/set-default").json()["is_default"] is True
    assert K8sConfig.objects.get(is_default=True).name == "b"
    assert api.patch(f"k8s-configs/{second['id']}", {"is_default": False}).status_code == 409
    third = made(api, name="c", is_default=True)
    assert K8sConfig.objects.get(is_default=True).pk.hex == third["id"].replace("-", "")


def test_who_works_on_a_cluster_while_its_config_moves_keeps_nothing_of_the_old_one(api):
    row = K8sConfig.objects.get(pk=made(api)["id"])
    now, old = clock.now(), FakeCluster()
    lease = reach.take(row.pk, now=now)
    moved = {"server": "https://93.184.215.15", "token": "other"}
    assert api.patch(f"k8s-configs/{row.pk}", moved).status_code == 200
    reconciling.run(lease, old, now=now, rules=Rules())
    reach.failed(lease, ClusterRefused("not with this token"), now=now)
    found = Reach.objects.get(config=row)
    assert (found.cluster_uid, found.last_error, found.retry_at) == ("", "", None)
    assert reach.take(row.pk, now=now) is not None


def test_a_look_at_the_health_of_what_a_config_was_is_not_kept(api):
    row = K8sConfig.objects.get(pk=made(api)["id"])
    now = clock.now()
    moved = {"server": "https://93.184.215.15", "token": "other"}

    def opened():
        assert api.patch(f"k8s-configs/{row.pk}", moved).status_code == 200
        return FakeCluster()

    assert health.claim(row.pk, now=now)
    assert health.check(row.pk, opened, now=now).uid
    found = Reach.objects.get(config=row)
    assert (found.cluster_uid, found.healthy, found.checked_at) == ("", None, None)


def test_put_replaces_all_but_the_connection_and_patch_changes_some(api):
    row = made(api, description="old", metadata={"a": 1})
    put = api.put(f"k8s-configs/{row['id']}", {"name": "d"}).json()
    assert (put["name"], put["description"], put["metadata"]) == ("d", "", {})
    assert put["server"] == hostile.SERVER
    patched = api.patch(f"k8s-configs/{row['id']}", {"active": False}).json()
    assert (patched["name"], patched["status"]) == ("d", "inactive")


@pytest.mark.parametrize("change", [{"server": "https://93.184.215.15"}, {"ca_data": "a"}])
def test_a_credential_is_not_sent_to_another_server_than_it_was_given_for(api, change):
    row = made(api)
    if "ca_data" in change:
        change = {"ca_data": hostile.an_authority().pem}
    answer = api.patch(f"k8s-configs/{row['id']}", change)
    assert problems_of(answer) == {(f"/{next(iter(change))}", "credential_needed")}
    moved = api.patch(f"k8s-configs/{row['id']}", {**change, "token": "another"})
    assert moved.status_code == 200


def test_where_pods_are_it_stays_in_their_cluster_and_what_pools_use_is_not_deleted(api):
    row = K8sConfig.objects.get(pk=made(api)["id"])
    pool = a_pod_pool(k8s_config=row)
    a_pod(pool)
    Reach.objects.filter(config=row).update(cluster_uid="5d4a")
    assert api.patch(f"k8s-configs/{row.pk}", {"namespace": "elsewhere"}).status_code == 409
    moved = {"server": "https://93.184.215.15", "token": "other"}
    answer = api.patch(f"k8s-configs/{row.pk}", moved)
    assert (answer.status_code, answer.json()["cluster_uid"]) == (200, "5d4a")
    refused = api.delete(f"k8s-configs/{row.pk}")
    assert refused.status_code == 409
    assert pool.name in refused.json()["detail"]
    unused = made(api, name="unused")
    assert api.delete(f"k8s-configs/{unused['id']}").status_code == 204
    assert api.get(f"k8s-configs/{unused['id']}").status_code == 404
    assert K8sConfig.objects.get(pk=unused["id"]).encrypted_credential == ""


def test_a_config_is_there_for_its_project_alone(api, stranger):
    row = made(api)
    assert stranger.get(f"k8s-configs/{row['id']}").status_code == 404
    assert stranger.get("k8s-configs").json()["items"] == []
    assert stranger.post(f"k8s-configs/{row['id']}/test").status_code == 404


def test_without_a_key_to_keep_it_with_nothing_is_made(api, settings):
    settings.ENCRYPTION_KEY = ""
    answer = api.post(
        "k8s-configs", {"name": "c", "server": hostile.SERVER, "token": hostile.CANARY}
    )
    assert answer.status_code == 503
    assert not K8sConfig.objects.exists()


def test_rekey_wraps_credentials_under_the_new_key(api, settings):
    row = K8sConfig.objects.get(pk=made(api)["id"])
    settings.ENCRYPTION_KEY = "n" * 40 + "\n" + ENCRYPTION_KEY
    assert len(configs.rewrap(vault.envelope())) == 1
    settings.ENCRYPTION_KEY = "n" * 40
    row.refresh_from_db()
    assert configs.access(row, allowed=NOTHING, now=clock.now()).credential.token == hostile.CANARY


def test_the_pod_template_is_kept_and_shown_with_the_account_of_the_config(api):
    at = f"k8s-configs/{made(api)['id']}/pod-template"
    said = {
        "serviceAccountName": "k8s4r-agent",
        "imagePullSecrets": ["registry"],
        "image": "registry.example/agent@sha256:" + "0" * 64,
        "env": [{"name": "K8S4R_ENV_POOL", "value": "{{pool}}"}],
        "resources": {"requests": {"cpu": "500m"}, "limits": {"memory": "2Gi"}},
        "volumeMounts": [{"name": "cache", "mountPath": "/cache", "sizeLimit": "5Gi"}],
    }
    kept = api.put(at, said).json()
    assert {name: kept[name] for name in said} == said
    assert api.get(at).json() == kept
    spec = api.post(f"{at}/preview", {"pool": "render"}).json()["manifest"]["spec"]
    (container,) = spec["containers"]
    assert spec["serviceAccountName"] == "k8s4r-agent"
    assert spec["imagePullSecrets"] == [{"name": "registry"}]
    assert {"name": "K8S4R_ENV_POOL", "value": "render"} in container["env"]
    assert {"name": "cache", "emptyDir": {"sizeLimit": "5Gi"}} in spec["volumes"]
    assert api.put(at, {}).json()["image"] is None


def test_health_is_kept_with_the_config_and_looked_at_again_after_ten_minutes(api):
    row = K8sConfig.objects.get(pk=made(api)["id"])
    now, cluster = clock.now(), FakeCluster()
    cluster.denied = {verb for verb in health.NEEDED if verb.verb == "patch"}
    report = health.check(row.pk, lambda: cluster, now=now)
    bad = [step for step in report.steps if not step.ok]
    assert [step.name for step in bad] == ["may patch pods"]
    assert "deploy/kubernetes" in bad[0].advice
    shown = api.get(f"k8s-configs/{row.pk}").json()
    assert (shown["healthy"], shown["cluster_uid"]) == (False, cluster.uid)
    assert not health.claim(row.pk, now=now + timedelta(minutes=9))
    assert health.claim(row.pk, now=now + timedelta(minutes=10))
    other = health.check(row.pk, FakeCluster, now=now)
    assert "another cluster" in other.failure
    cluster.is_away = True
    assert health.check(row.pk, lambda: cluster, now=now).failure.startswith("reach")
    assert Reach.objects.get(config=row).cluster_uid == cluster.uid
