"""On a real control plane: failures have names, what is away is not gone, what is busy stays."""

from dataclasses import replace

import pytest

from agents.core.states import Desired
from agents.models import Agent, Session
from k8s4r import clock
from pools.core import manifests
from pools.core.pods import ActionKind, PodEvent
from pools.core.ports import BUSY_LABEL
from pools.core.sightings import Rules
from pools.models import Pod, PodAction
from pools.services import pods
from tests.builders import a_pod, a_task, an_attempt, state_of
from tests.cluster.api import ApiError
from tests.kube.conftest import IMPATIENT, Field
from tests.waiting import wait_until


def impatient(ground: Field) -> Field:
    ground.rules = Rules(patience=IMPATIENT)
    return ground


def patient_with_agents(ground: Field) -> Field:
    ground.rules = Rules(patience=replace(IMPATIENT, connect=Rules().patience.connect))
    return ground


def connected(ground: Field, pod: Pod) -> Pod:
    """Let the pod's agent have said hello, as far as rows know."""
    now = ground.now()
    Agent.objects.filter(pk=pod.agent_id).update(observed="online")
    Session.objects.create(
        id=clock.new_id(), agent=pod.agent, slots=3, opened_at=now, last_heartbeat_at=now
    )
    wait_until(lambda: ground.seen(pod)["status"].get("phase") == "Running")
    return ground.until(pod, "ready")


def test_a_pod_of_ours_is_let_in_by_pod_security_and_runs(ground):
    pod = a_pod(ground.pool, now=ground.now())
    ground.work()
    pod.refresh_from_db()
    seen = ground.seen(pod)
    assert (pod.state, pod.uid) == ("starting", seen["metadata"]["uid"])
    assert seen["spec"]["serviceAccountName"] == "k8s4r-agent"
    wait_until(lambda: ground.seen(pod)["spec"].get("nodeName"))


@pytest.mark.parametrize("code", ["image_pull", "oom_killed", "evicted"])
def test_what_a_node_says_has_its_code(ground, code):
    pod = patient_with_agents(ground).a_pod("sleep", "1000", fault=code)
    ground.until(pod, "failed", "deleting", "gone")
    assert pod.failure == code


def test_a_container_that_ends_again_and_again_leaves_its_last_words(ground):
    pod = patient_with_agents(ground).a_pod(
        "sh", "-c", "echo my last words; exit 3", restartPolicy="Always"
    )
    ground.until(pod, "gone")
    assert (pod.failure, pod.log.strip()) == ("crash_loop", "my last words")
    assert ground.deletes() == [pod.name]


def test_a_pod_that_runs_and_never_says_hello(ground):
    pod = impatient(ground).a_pod("sleep", "1000")
    ground.until(pod, "failed", "deleting", "gone")
    assert pod.failure == "agent_never_connected"


def test_a_pod_that_no_node_takes(ground):
    pod = impatient(ground).a_pod("sleep", "1000", nodeSelector={"no": "such"})
    ground.until(pod, "failed", "deleting", "gone")
    assert (pod.failure, "node" in pod.message) == ("unschedulable", True)


def test_a_quota_that_is_used_up_waits_and_says_so(ground):
    path = f"{ground.namespace.path}/resourcequotas"
    ground.namespace.admin.post(path, {"metadata": {"name": "q"}, "spec": {"hard": {"pods": "0"}}})
    wait_until(lambda: ground.namespace.admin.get(f"{path}/q").get("status", {}).get("hard"))
    pod = a_pod(ground.pool, now=ground.now())
    ground.work()
    pod.refresh_from_db()
    assert (pod.state, pod.failure) == ("creating", "quota")
    ground.namespace.admin.delete(f"{path}/q")
    wait_until(lambda: ground.work(after_s=30) and Pod.objects.get(pk=pod.pk).state == "starting")


def test_a_node_that_is_away_makes_its_pods_unknown_and_never_gone(ground, node):
    pod = connected(ground, ground.a_pod("sleep", "1000"))
    attempt = an_attempt(a_task(ground.pool), pod.agent, state="running")
    node.say("silent")
    ground.until(pod, "unknown", timeout_s=120)
    assert (pod.failure, state_of(attempt)) == ("node_lost", "running")
    assert ground.deletes() == []
    node.say("")
    ground.until(pod, "ready")
    assert (pod.failure, state_of(attempt)) == ("", "running")


def test_a_busy_pod_cannot_be_evicted_and_an_idle_one_can(ground):
    pod = connected(ground, ground.a_pod("sleep", "1000"))
    other = connected(ground, ground.a_pod("sleep", "1000"))
    pods.ask([pod.pk], ActionKind.SHIELD, now=ground.now())
    ground.work()
    assert ground.seen(pod)["metadata"]["labels"][BUSY_LABEL] == "true"
    budget = manifests.budget_name(str(ground.pool.pk))
    wait_until(lambda: _observed(ground, budget) == (1, 0))
    with pytest.raises(ApiError) as refused:
        _evict(ground, pod)
    assert refused.value.status == 429
    _evict(ground, other)
    pods.ask([pod.pk], ActionKind.UNSHIELD, now=ground.now())
    ground.work()
    wait_until(lambda: _evict_if_allowed(ground, pod))


@pytest.mark.parametrize(("rule", "counted"), [("minAvailable", 1), ("maxUnavailable", 0)])
def test_pods_without_a_controller_are_counted_by_an_integer_alone(ground, rule, counted):
    """Why budgets say `minAvailable`: else nobody knows how many there ought to be."""
    pod = ground.a_pod("sleep", "1000")
    wait_until(lambda: ground.seen(pod)["status"].get("phase") == "Running")
    path = f"/apis/policy/v1/namespaces/{ground.namespace.name}/poddisruptionbudgets"
    spec = {rule: 1, "selector": {"matchLabels": {"k8s4r.io/pod": str(pod.pk)}}}
    ground.namespace.admin.post(path, {"metadata": {"name": "rule"}, "spec": spec})
    wait_until(lambda: _observed(ground, "rule") == (counted, 0))


def test_a_drained_pod_is_deleted_once_and_others_are_not_touched(ground):
    ground.namespace.create(_foreign())
    pod = connected(ground, ground.a_pod("sleep", "1000"))
    Agent.objects.filter(pk=pod.agent_id).update(desired=Desired.DRAINING)
    pods.move([pod.pk], PodEvent.DRAIN, now=ground.now())
    pods.move([pod.pk], PodEvent.DELETE, now=ground.now())
    pods.ask([pod.pk], ActionKind.DELETE, now=ground.now())
    ground.until(pod, "gone")
    for _ in range(3):
        ground.work(after_s=300)
    assert ground.deletes() == [pod.name]
    assert [one["metadata"]["name"] for one in ground.namespace.pods()] == ["foreign"]
    assert not PodAction.objects.filter(pod=pod, state="pending").exists()


def _foreign() -> dict[str, object]:
    from tests.cluster.namespaces import a_pod as bare  # noqa: PLC0415 - another `a_pod`

    return bare("foreign", "sleep", "1000")


def _observed(ground: Field, name: str) -> tuple[int, int]:
    path = f"/apis/policy/v1/namespaces/{ground.namespace.name}/poddisruptionbudgets/{name}"
    status = ground.namespace.admin.get(path).get("status", {})
    return status.get("expectedPods", -1), status.get("disruptionsAllowed", -1)


def _evict(ground: Field, pod: Pod) -> None:
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod.name}}
    ground.namespace.admin.post(f"{ground.namespace.path}/pods/{pod.name}/eviction", eviction)


def _evict_if_allowed(ground: Field, pod: Pod) -> bool:
    try:
        _evict(ground, pod)
    except ApiError:
        return False
    return True
