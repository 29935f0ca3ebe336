"""Clusters on the operators' pages: connected, looked at, and what opens them shown to nobody."""

import pytest
from django.urls import reverse

from k8s4r import clock
from pools.kube.fake import FakeCluster
from pools.models import K8sConfig
from pools.services import health
from tests.builders import a_k8s_config, a_pod_pool
from tests.console.opening import page, queries
from tests.factors import ENCRYPTION_KEY
from tests.kube import hostile

CONNECT = "admin:cluster_connect"


@pytest.fixture(autouse=True)
def _key(settings):
    settings.ENCRYPTION_KEY = ENCRYPTION_KEY


def written(**fields):
    # A name without an address: nobody is called from a test.
    return {"name": "prod", "project": "default", "server": "https://cluster.invalid:6443",
            "token": hostile.CANARY, "namespace": "work", **fields}  # fmt: skip


def test_a_cluster_is_connected_by_a_form_and_looked_at(browser, pool):
    answer = browser.post(reverse(CONNECT), written(), follow=True)
    row = K8sConfig.objects.get()
    assert (row.name, row.namespace, row.is_default) == ("prod", "work", True)
    text = answer.content.decode()
    assert "cluster.invalid has no address now" in text
    assert "unhealthy" in text
    assert hostile.CANARY not in text


def test_what_is_wrong_is_said_and_secrets_are_not_written_again(browser, pool):
    answer = browser.post(reverse(CONNECT), written(server="https://127.0.0.1:6443"))
    text = answer.content.decode()
    assert answer.status_code == 422
    assert "K8S4R_CLUSTER_ALLOWED_NETWORKS" in text
    assert 'value="https://127.0.0.1:6443"' in text
    assert hostile.CANARY not in text
    for name, (_, _, bad) in hostile.kubeconfigs("/tmp/never").items():
        body = {"name": "x", "project": "default", "kubeconfig": bad()}
        assert browser.post(reverse(CONNECT), body).status_code == 422, name
    assert not K8sConfig.objects.exists()


def test_the_page_of_a_cluster_shows_each_verb_its_template_and_its_pools(browser, pool):
    row = a_k8s_config("prod", pod_template={"env": [{"name": "TZ", "value": "UTC"}]})
    a_pod_pool(name="builders", k8s_config=row)
    cluster = FakeCluster()
    cluster.denied = {verb for verb in health.NEEDED if verb.resource == "tokenreviews"}
    health.check(row.pk, lambda: cluster, now=clock.now())
    text = page(browser, "pools_k8sconfig_change", row.pk)
    for said in ("create tokenreviews", "kubectl apply -k deploy/kubernetes", "builders",
                 cluster.uid, "readOnlyRootFilesystem"):  # fmt: skip
        assert said in text, said


def test_the_list_costs_the_same_however_many_there_are(browser, pool):
    a_k8s_config("a")
    few = queries(browser, "pools_k8sconfig_changelist")
    for name in "bcdef":
        a_k8s_config(name)
    assert queries(browser, "pools_k8sconfig_changelist") == few


def test_who_may_only_look_neither_connects_nor_tests(visitor, pool):
    row = a_k8s_config("prod")
    assert visitor.get(reverse("admin:pools_k8sconfig_change", args=[row.pk])).status_code == 200
    assert visitor.get(reverse(CONNECT)).status_code == 403
    assert visitor.post(reverse("admin:cluster_test", args=[row.pk])).status_code == 403
    assert visitor.post(reverse("admin:cluster_default", args=[row.pk])).status_code == 403


def test_another_one_becomes_the_default_by_a_button(browser, pool):
    a_k8s_config("a", is_default=True)
    row = a_k8s_config("b")
    browser.post(reverse("admin:cluster_default", args=[row.pk]))
    assert K8sConfig.objects.get(is_default=True).name == "b"
