"""The part of the tour of who looks after the work: reasons, messages, the history."""

import threading

from django.db import connection

from agents.models import Agent
from executors.operating.models import Notification
from k8s4r import clock
from pools.models import Pool
from tests.builders import a_held_plan, a_user
from tests.contract.recording import DIGEST, Json, Tour
from tests.sealed import seal_everything
from tests.waiting import wait_until

HOOK = "jsons://hooks.example.org/films"


def walk(tour: Tour, pool: Json) -> None:
    """Make every call of this part."""
    _reasons(tour, pool)
    _plans(tour, pool)
    _messages(tour)
    _history(tour, pool)


def _reasons(tour: Tour, pool: Json) -> None:
    here = {"pool_id": pool["id"]}
    wanted = {"project": "films", "required_labels": {"gpu": "h100"}, "spec": {"argv": ["render"]}}
    tour.call("POST", "agent-pools/{pool_id}/explain", wanted, **here)
    tour.call("POST", "tasks", {**wanted, "pool": "render", "name": "frame 3"})
    tour.call("GET", "agent-pools/{pool_id}/waiting", **here)
    tour.call("GET", "agent-pools/{pool_id}/dispatches?limit=1", **here)


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
