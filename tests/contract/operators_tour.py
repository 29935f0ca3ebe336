"""The part of the tour of who looks after the work: reasons, messages, the history."""

import threading

from django.conf import settings
from django.db import connection
from rest_framework.test import APIRequestFactory

from agents.models import Agent
from executors.api.pod_identity import PodIdentityView
from executors.operating.models import Notification
from k8s4r import clock
from pools.core.ports import Reviewed
from pools.kube.fake import FakeCluster
from pools.models import Pod, PodAction, Pool, ScalingDecision
from tests.builders import (
    a_held_plan,
    a_k8s_config,
    a_pod_pool,
    a_project,
    a_ready_pod,
    a_user,
)
from tests.contract.recording import DIGEST, Json, Tour
from tests.sealed import seal_everything
from tests.waiting import wait_until

CLUSTER = "https://cluster.invalid:6443"
HOOK = "jsons://hooks.example.org/films"


def walk(tour: Tour, pool: Json) -> None:
    """Make every call of this part."""
    _reasons(tour, pool)
    _pods(tour)
    _plans(tour, pool)
    _messages(tour)
    _clusters(tour)
    _history(tour, pool)


def _clusters(tour: Tour) -> None:
    """The name has no address: nobody is called from a test."""
    asked = {"name": "studio", "project": "films", "server": CLUSTER, "token": "given-by-kubectl"}
    made = tour.call("POST", "k8s-configs", {**asked, "namespace": "k8s4r-pods"})
    here = {"config_id": made["id"]}
    at = "k8s-configs/{config_id}"
    tour.call("GET", "k8s-configs")
    tour.call("GET", at, **here)
    tour.call("PUT", at, {"name": "studio", "service_account_name": "k8s4r-agent"}, **here)
    tour.call("PATCH", at, {"description": "Below the roof."}, **here)
    tour.call("POST", f"{at}/test", {}, **here)
    tour.call("POST", f"{at}/set-default", {}, **here)
    template = {"env": [{"name": "TZ", "value": "Europe/Rome"}], "labels": {"k8s4r.io/of": "films"}}
    tour.call("PUT", f"{at}/pod-template", template, **here)
    tour.call("GET", f"{at}/pod-template", **here)
    tour.call("POST", f"{at}/pod-template/preview", {"pool": "render"}, **here)
    tour.call("DELETE", at, **here)


def _reasons(tour: Tour, pool: Json) -> None:
    here = {"pool_id": pool["id"]}
    wanted = {"project": "films", "required_labels": {"gpu": "h100"}, "spec": {"argv": ["render"]}}
    tour.call("POST", "agent-pools/{pool_id}/explain", wanted, **here)
    tour.call("POST", "tasks", {**wanted, "pool": "render", "name": "frame 3"})
    tour.call("GET", "agent-pools/{pool_id}/waiting", **here)
    tour.call("GET", "agent-pools/{pool_id}/dispatches?limit=1", **here)


def _pods(tour: Tour) -> None:
    """Nobody reaches a cluster from a test: the rows say what one would have told."""
    project, now = a_project("films"), clock.now()
    config = a_k8s_config("farm", project=project, created_at=now, changed_at=now)
    pool = a_pod_pool(name="pods", project=project, k8s_config=config, max_pods=20)
    pod = a_ready_pod(pool, now=now, name="k8s4r-pods-4f1d2a9c7e30", node="node-3")
    Agent.objects.filter(pk=pod.agent_id).update(name=pod.name)
    PodAction.objects.filter(pod=pod).update(state="done", tries=1, done_at=now)
    ScalingDecision.objects.create(
        pool=pool, at=now, until=now, demand={"plan": {"busy": 0, "queued": 1, "held": 0}},
        desired=1, serving=0, ready=0, counted=0, made=1, code="scale_out",
        reason="1 plan waits and no pod is there: 1 pod is made",
    )  # fmt: skip
    here, one = {"pool_id": pool.pk}, {"pod_id": pod.pk}
    tour.call("GET", "agent-pools/{pool_id}/pods", **here)
    tour.call("GET", "agent-pools/{pool_id}/slots", **here)
    tour.call("GET", "agent-pools/{pool_id}/decisions", **here)
    tour.call("GET", "pods?pool=pods&state=ready")
    tour.call("GET", "pods/{pod_id}", **one)
    _identity(tour, pod)
    tour.call("POST", "pods/{pod_id}/drain", {"note": "node-3 gets a new kernel"}, **one)
    tour.call("GET", "pods/{pod_id}/log", **one)


def _identity(tour: Tour, pod: Pod) -> None:
    """The cluster is the one that ships in memory: it vouches for one proof of this pod."""
    mine = Reviewed(
        namespace=pod.namespace,
        pod_name=pod.name,
        pod_uid=pod.uid,
    )
    cluster = FakeCluster(tokens={("a.b.c", settings.POD_AUDIENCE): mine})
    view = PodIdentityView.as_view(cluster=staticmethod(lambda _: cluster))
    body = {"config": str(pod.config_id), "pod": str(pod.pk)}
    asked = APIRequestFactory().post(
        "/api/v1/agents/pods", body, format="json", headers={"Authorization": "Bearer a.b.c"}
    )
    answer = view(asked).render()
    tour.keep("POST /api/v1/agents/pods", body, answer.status_code, answer.content)


def _plans(tour: Tour, pool: Json) -> None:
    """No machine plans in a test: the rows say what its reports would have said."""
    machine = Agent.objects.get(name="workstation-7")
    for word, comment in (("reject", "Two scenes are missing."), ("approve", "As discussed.")):
        plan = a_held_plan(
            Pool.objects.get(pk=pool["id"]),
            machine,
            now=clock.now(),
            sha256=DIGEST,
            owner=a_user("bob"),
            name="cut",
            driver="exec",
            spec={"plan": {"argv": ["cut", "--dry"]}, "apply": {"argv": ["cut"]}},
        )
        here = {"task_id": str(plan.task_id)}
        decision = {"comment": comment, "attempt": str(plan.pk)}
        tour.call("POST", f"tasks/{{task_id}}/{word}", decision, **here)
        tour.call("GET", "tasks/{task_id}", **here)


def _messages(tour: Tour) -> None:
    asked = {"name": "night", "url": HOOK, "project": "films", "events": ["task_failed"]}
    made = tour.call("POST", "notification-targets", asked)
    here = {"target_id": made["id"]}
    tour.call("GET", "notification-targets")
    tour.call("GET", "notification-targets/{target_id}", **here)
    tour.call("PATCH", "notification-targets/{target_id}", {"min_severity": "critical"}, **here)
    worker = threading.Thread(target=_given_up)
    worker.start()
    told = tour.call("POST", "notification-targets/{target_id}/test", {}, **here)
    worker.join()
    one = {"notification_id": told["id"]}
    tour.call("GET", "notifications?state=dead")
    tour.call("GET", "notifications/{notification_id}", **one)
    tour.call("POST", "notifications/{notification_id}/retry", {}, **one)
    tour.call("DELETE", "notification-targets/{target_id}", **here)


def _given_up() -> None:
    """Nobody is called from a test: the row says what a worker would have said."""
    try:
        wait_until(Notification.objects.exists)
        ended = {"state": "dead", "tries": 1, "ended_at": clock.now()}
        Notification.objects.update(last_error="the host answered 503", **ended)
    finally:
        connection.close()


def _history(tour: Tour, pool: Json) -> None:
    here = {"kind": "pool", "object_id": pool["id"]}
    items = tour.call("GET", "history/{kind}/{object_id}", **here)["items"]
    event = next(item["event_id"] for item in items if item["revertible"])
    tour.call("POST", "history/{kind}/{object_id}/revert", {"event": event}, **here)
    tour.call("GET", "audit?object_type=pool&limit=1")
    seal_everything()
    tour.call("GET", "audit/seals?limit=1")
    tour.call("POST", "audit/verify", {})
