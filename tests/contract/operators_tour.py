"""The part of the tour of who looks after the work: reasons, messages, the history."""

import threading

from django.db import connection

from executors.operating.models import Notification
from k8s4r import clock
from tests.contract.recording import Json, Tour
from tests.sealed import seal_everything
from tests.waiting import wait_until

CLUSTER = "https://cluster.invalid:6443"
HOOK = "jsons://hooks.example.org/films"


def walk(tour: Tour, pool: Json) -> None:
    """Make every call of this part."""
    _reasons(tour, pool)
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
