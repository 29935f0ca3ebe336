"""The test cluster itself: what the product's tests rely on, seen on the real control plane."""

import base64
import json
import subprocess
from typing import Any

import pytest

from tests.cluster.api import Api, ApiError
from tests.cluster.clusters import Cluster
from tests.cluster.manifests import AGENT_ACCOUNT
from tests.cluster.namespaces import Access, Namespace, a_pod
from tests.waiting import wait_until

Json = dict[str, Any]
TOKEN_VOLUME = {
    "name": "identity",
    "projected": {
        "sources": [
            {
                "serviceAccountToken": {
                    "audience": "k8s4r",
                    "expirationSeconds": 600,
                    "path": "token",
                }
            }
        ]
    },
}


def reached(namespace: Namespace, name: str, phase: str) -> Json:
    """Wait for a phase and return the pod's only container status."""
    wait_until(lambda: namespace.pod(name)["status"].get("phase") == phase, timeout_s=90)
    status: Json = namespace.pod(name)["status"]["containerStatuses"][0]
    return status


def waiting_reason(namespace: Namespace, name: str) -> str:
    statuses = namespace.pod(name)["status"].get("containerStatuses", [])
    return statuses[0]["state"].get("waiting", {}).get("reason", "") if statuses else ""


def test_a_pod_runs_its_command_and_shows_what_it_said_and_how_it_ended(namespace: Namespace):
    namespace.create(a_pod("good", "sh", "-c", "echo one; echo two; hostname; echo $$$$"))
    namespace.create(a_pod("bad", "sh", "-c", "exit 7"))
    namespace.create(a_pod("absent", "no-such-program"))

    good = reached(namespace, "good", "Succeeded")
    assert good["state"]["terminated"]["reason"] == "Completed"
    # It is the first process of its own, as in a container.
    assert namespace.log("good") == "one\ntwo\ngood\n1\n"
    assert namespace.log("good", tailLines=2) == "good\n1\n"
    bad = reached(namespace, "bad", "Failed")
    assert bad["state"]["terminated"]["exitCode"] == 7
    absent = reached(namespace, "absent", "Failed")
    assert absent["state"]["terminated"]["reason"] == "StartError"


def test_a_pods_files_and_variables_are_real(namespace: Namespace):
    secret = {"metadata": {"name": "s"}, "stringData": {"key": "hidden"}}
    namespace.admin.post(f"{namespace.path}/secrets", secret)
    script = (
        "cat /run/identity/token; echo; cat /tmp/k8s4r-secret/key; echo; echo $NAME $KEY; "
        "touch /mnt/made && echo wrote; touch /etc/made || echo refused"
    )
    pod = a_pod("files", "sh", "-c", script, serviceAccountName=AGENT_ACCOUNT)
    container = pod["spec"]["containers"][0]
    container["env"] = [
        {"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "s", "key": "key"}}},
    ]
    container["volumeMounts"] = [
        {"name": "identity", "mountPath": "/run/identity", "readOnly": True},
        {"name": "secret", "mountPath": "/tmp/k8s4r-secret"},
        {"name": "work", "mountPath": "/mnt"},
        {"name": "tmp", "mountPath": "/tmp"},
    ]
    pod["spec"]["volumes"] = [
        TOKEN_VOLUME,
        {"name": "secret", "secret": {"secretName": "s"}},
        {"name": "work", "emptyDir": {}},
        {"name": "tmp", "emptyDir": {}},
    ]
    made = namespace.create(pod)
    reached(namespace, "files", "Succeeded")
    token, *rest = namespace.log("files").splitlines()
    assert rest[:3] == ["hidden", "files hidden", "wrote"]
    assert rest[-1] == "refused"

    # The token is one that this apiserver knows, of this pod and for this audience alone.
    review = {"spec": {"token": token, "audiences": ["k8s4r"]}}
    path = "/apis/authentication.k8s.io/v1/tokenreviews"
    status = namespace.admin.post(path, review)["status"]
    assert status["authenticated"]
    assert status["user"]["username"] == f"system:serviceaccount:{namespace.name}:k8s4r-agent"
    assert status["user"]["extra"]["authentication.kubernetes.io/pod-uid"] == [
        made["metadata"]["uid"]
    ]
    payload = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    assert claims["aud"] == ["k8s4r"]


def test_a_deleted_pod_has_its_grace_and_no_more(namespace: Namespace):
    ready = "echo ready; while :; do sleep 0.1; done"
    namespace.create(a_pod("polite", "sh", "-c", f"trap 'echo bye; sleep 1; exit 0' TERM; {ready}"))
    namespace.create(a_pod("deaf", "sh", "-c", f"trap '' TERM; {ready}"))
    for name in ("polite", "deaf"):
        reached(namespace, name, "Running")
        wait_until(lambda name=name: "ready" in namespace.log(name))
        namespace.admin.delete(f"{namespace.path}/pods/{name}", {"gracePeriodSeconds": 3})
    wait_until(lambda: "bye" in namespace.log("polite"))
    assert {pod["metadata"]["name"] for pod in namespace.pods()} == {"deaf", "polite"}
    wait_until(lambda: not namespace.pods())


def test_a_container_that_fails_again_and_again_is_backed_off(namespace: Namespace):
    namespace.create(a_pod("crashing", "sh", "-c", "echo attempt; exit 1", restartPolicy="Always"))
    wait_until(lambda: waiting_reason(namespace, "crashing") == "CrashLoopBackOff")
    status = wait_until(
        lambda: (
            (one := namespace.pod("crashing")["status"]["containerStatuses"][0])["restartCount"]
            >= 1
            and one
        )
    )
    assert status["lastState"]["terminated"]["exitCode"] == 1
    assert namespace.log("crashing", previous="true") == "attempt\n"


def test_a_log_is_followed_to_its_end(namespace: Namespace, cluster: Cluster):
    namespace.create(a_pod("talker", "sh", "-c", "for n in 1 2 3 4; do echo $n; sleep 0.3; done"))
    reached(namespace, "talker", "Running")
    said = cluster.kubectl("logs", "-n", namespace.name, "talker", "-f", "--timestamps")
    assert [line.split(" ")[1] for line in said.splitlines()] == ["1", "2", "3", "4"]


@pytest.mark.parametrize(
    ("fault", "reason"), [("image_pull", "ImagePullBackOff"), ("stuck", "ContainerCreating")]
)
def test_a_pod_is_kept_from_starting_until_its_fault_is_taken_away(
    namespace: Namespace, fault: str, reason: str
):
    pod = a_pod("held", "true")
    pod["metadata"]["annotations"] = {"k8s4r.test/fault": fault}
    namespace.create(pod)
    wait_until(lambda: waiting_reason(namespace, "held") == reason)
    assert namespace.pod("held")["status"]["phase"] == "Pending"
    namespace.annotate("held", fault=None)
    reached(namespace, "held", "Succeeded")


def test_a_running_pod_is_killed_for_memory_or_evicted_when_its_annotation_says_so(
    namespace: Namespace,
):
    for name in ("oom", "evicted"):
        namespace.create(a_pod(name, "sleep", "600"))
        reached(namespace, name, "Running")
    namespace.annotate("oom", fault="oom_killed")
    namespace.annotate("evicted", fault="evicted")
    ended = reached(namespace, "oom", "Failed")["state"]["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (137, "OOMKilled")
    reached(namespace, "evicted", "Failed")
    assert namespace.pod("evicted")["status"]["reason"] == "Evicted"


def test_a_pod_waits_for_the_secret_that_it_names(namespace: Namespace):
    pod = a_pod("waits", "sh", "-c", "echo $KEY")
    reference = {"secretKeyRef": {"name": "late", "key": "key"}}
    pod["spec"]["containers"][0]["env"] = [{"name": "KEY", "valueFrom": reference}]
    namespace.create(pod)
    wait_until(lambda: waiting_reason(namespace, "waits") == "CreateContainerConfigError")
    secret = {"metadata": {"name": "late"}, "stringData": {"key": "there"}}
    namespace.admin.post(f"{namespace.path}/secrets", secret)
    reached(namespace, "waits", "Succeeded")
    assert namespace.log("waits") == "there\n"


def test_an_unkillable_pod_goes_by_force_only(namespace: Namespace):
    pod = a_pod("stays", "sh", "-c", "while :; do echo tick; sleep 0.1; done")
    pod["metadata"]["annotations"] = {"k8s4r.test/fault": "unkillable"}
    namespace.create(pod)
    reached(namespace, "stays", "Running")
    path = f"{namespace.path}/pods/stays"
    namespace.admin.delete(path, {"gracePeriodSeconds": 1})
    said = namespace.log("stays").count("tick")
    # More than its grace later it still talks.
    wait_until(lambda: namespace.log("stays").count("tick") > said + 15)
    assert "deletionTimestamp" in namespace.pod("stays")["metadata"]
    namespace.admin.delete(path, {"gracePeriodSeconds": 0})
    assert not namespace.pods()


def test_a_disruption_budget_keeps_a_pod_from_eviction(namespace: Namespace):
    pod = a_pod("busy", "sleep", "600")
    pod["metadata"]["labels"] = {"busy": "true"}
    namespace.create(pod)
    reached(namespace, "busy", "Running")
    budgets = f"/apis/policy/v1/namespaces/{namespace.name}/poddisruptionbudgets"
    spec = {"minAvailable": 1, "selector": {"matchLabels": {"busy": "true"}}}
    namespace.admin.post(budgets, {"metadata": {"name": "busy"}, "spec": spec})
    # A budget that nobody has counted yet allows nothing either.
    wait_until(
        lambda: namespace.admin.get(f"{budgets}/busy").get("status", {}).get("currentHealthy") == 1
    )
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "busy"}}
    with pytest.raises(ApiError, match="disruption budget") as refused:
        namespace.admin.post(f"{namespace.path}/pods/busy/eviction", eviction)
    assert refused.value.status == 429
    assert "deletionTimestamp" not in namespace.pod("busy")["metadata"]
    namespace.admin.delete(f"{budgets}/busy")
    namespace.admin.post(f"{namespace.path}/pods/busy/eviction", eviction)
    wait_until(lambda: not namespace.pods())


def test_pod_security_refuses_what_is_not_restricted(namespace: Namespace):
    pod = a_pod("privileged", "true")
    pod["spec"]["containers"][0]["securityContext"] = {"privileged": True}
    with pytest.raises(ApiError, match="violates PodSecurity") as refused:
        namespace.create(pod)
    assert refused.value.status == 403


def test_the_products_account_may_do_what_deploy_grants_and_nothing_else(
    product_access: Access, namespace: Namespace, cluster: Cluster
):
    with Api(product_access.server, ca=cluster.ca, token=product_access.token) as product:
        product.post(f"{namespace.path}/pods", a_pod("mine", "true"))
        assert product.get("/api/v1/namespaces/kube-system")["metadata"]["uid"]
        for path in (f"{namespace.path}/secrets", "/api/v1/namespaces/default/pods"):
            with pytest.raises(ApiError, match="Forbidden"):
                product.get(path)
    entries = cluster.audit(verb="create", resource="pods", namespace=namespace.name, name="mine")
    account = f"system:serviceaccount:{namespace.name}:k8s4r"
    assert [entry["user"]["username"] for entry in entries] == [account]


def test_deploy_is_applied_by_kubectl_as_it_stands(cluster: Cluster):
    folder = "deploy/kubernetes"
    applied = cluster.kubectl("apply", "-k", folder, "--server-side")
    kinds = {line.split("/")[0].split(".")[0] for line in applied.splitlines()}
    assert kinds == {
        "namespace", "serviceaccount", "role", "rolebinding", "clusterrole", "clusterrolebinding",
        "resourcequota", "limitrange", "networkpolicy",
    }  # fmt: skip
    with pytest.raises(subprocess.CalledProcessError) as refused:
        cluster.kubectl("run", "root", "--image=root", "-n", "k8s4r-pods")
    assert "violates PodSecurity" in refused.value.stderr
