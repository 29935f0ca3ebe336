"""One call of each kind, as a stranger would make them one after the other, and what came back."""

import base64
from typing import Any
from uuid import UUID

from agents.wire.proofs import task_token
from executors.models import Task
from k8s4r import clock
from tests.builders import a_user
from tests.contract import operators_tour
from tests.contract.recording import Json, Recorded, Tour
from tests.factors import with_factor
from tests.serving import Served
from tests.waiting import wait_until

SESSION = UUID("0199a000-0000-7000-8000-0000000000aa")


def record(gateway: Served) -> list[Recorded]:
    """Go on the tour and return every call in its order."""
    a_user("bob")
    tour = Tour(gateway)
    _projects(tour)
    pool, agent = _fleet(tour)
    _work(tour, pool, agent)
    _tokens(tour, agent)
    operators_tour.walk(tour, pool)
    _ends(tour, pool, agent)
    tour.outside("/healthz")
    tour.outside("/readyz")
    return tour.recorded


def _projects(tour: Tour) -> None:
    made = tour.call("POST", "projects", {"name": "films", "description": "What we shoot."})
    here = {"project_id": made["id"]}
    tour.call("GET", "projects")
    tour.call("GET", "projects/{project_id}", **here)
    tour.call("PUT", "projects/{project_id}", {"description": "What we show."}, **here)
    tour.call("PATCH", "projects/{project_id}", {"weight": 2.0}, **here)
    tour.call(
        "POST", "projects/{project_id}/members", {"user": "bob", "roles": ["operator"]}, **here
    )
    tour.call("GET", "projects/{project_id}/members", **here)
    tour.call("DELETE", "projects/{project_id}/members/{user}", user="bob", **here)
    # Set up on the page of one's account, by nobody else and by no token.
    with_factor(a_user("bob"), now=clock.now())
    tour.call("GET", "users/{user}/second-factor", user="bob")
    tour.call("DELETE", "users/{user}/second-factor", user="bob")
    tour.call("GET", "")
    tour.call("GET", "about")


def _fleet(tour: Tour) -> tuple[Json, Json]:
    asked = {"name": "render", "project": "films", "pool_type": "static", "max_concurrent": 8}
    pool = tour.call("POST", "agent-pools", asked)
    here = {"pool_id": pool["id"]}
    tour.call("GET", "agent-pools")
    tour.call("GET", "agent-pools/{pool_id}", **here)
    tour.call("PUT", "agent-pools/{pool_id}", {"name": "render", "pool_type": "static"}, **here)
    tour.call("PATCH", "agent-pools/{pool_id}", {"selection_strategy": "round_robin"}, **here)
    made = tour.call("POST", "enrolment-tokens", {"project": "films", "label_keys": ["gpu"]})
    tour.call("GET", "enrolment-tokens")
    tour.call("GET", "enrolment-tokens/{token_id}", token_id=made["id"])
    register = {"name": "workstation-7", "labels": {"gpu": "a100"}}
    agent = tour.call("POST", "agents/register", register, token=made["token"])
    tour.call("DELETE", "enrolment-tokens/{token_id}", token_id=made["id"])
    who = {"agent_id": agent["id"]}
    tour.call("POST", "agents/{agent_id}/approve", {}, **who)
    tour.call("GET", "agents")
    tour.call(
        "PUT", "agents/{agent_id}", {"name": "workstation-7", "labels": {"gpu": "a100"}}, **who
    )
    tour.call("PATCH", "agents/{agent_id}", {"description": "Below the stairs."}, **who)
    tour.call("POST", "agents/{agent_id}/settings", {"log_level": "debug"}, **who)
    for wish, body in (("pause", {"note": "New disk."}), ("drain", {}), ("resume", {})):
        tour.call("POST", f"agents/{{agent_id}}/{wish}", body, **who)
    tour.call("POST", "agent-pools/{pool_id}/agents", {"agent_ids": [agent["id"]]}, **here)
    tour.call("GET", "agent-pools/{pool_id}/agents", **here)
    return pool, agent


def _work(tour: Tour, pool: Json, agent: Json) -> None:
    asked = {
        "name": "frame 1",
        "project": "films",
        "pool": "render",
        "labels": {"film": "dawn"},
        "required_labels": {"gpu": "a100"},
        "spec": {"argv": ["render", "--frame", "1"]},
    }
    task = tour.call("POST", "tasks", asked)
    here, own = {"task_id": task["id"]}, {"agent_id": agent["id"], "token": agent["token"]}
    _await_reason(tour, here)
    opening = {
        "session": str(SESSION), "boot_id": "boot-1", "sent_at": 1000.0, "slots": 2,
        "drivers": ["exec"], "device_info": {"hostname": "workstation-7"},
    }  # fmt: skip
    tour.call("POST", "agents/{agent_id}/session", opening, **own)
    beat = {"session": str(SESSION), "sent_at": 1001.0}
    tour.call("POST", "agents/{agent_id}/heartbeat", beat, **own)
    order = _await_order(tour, own)
    tour.call("GET", "agents/{agent_id}", agent_id=agent["id"])
    tour.call("GET", "agents/{agent_id}/status", agent_id=agent["id"])
    said = {"attempt": order["attempt"], "token": order["token"], "at": 1002.0}
    text = base64.b64encode(b"frame 1: 100 %\n").decode()
    items = [
        {"kind": "started", "seq": 1, "pid": 4242, **said},
        {"kind": "log", "seq": 2, "stream": "stdout", "data": text, **said},
        {"kind": "finished", "seq": 3, "exit_code": 0, **said},
    ]
    tour.upload(agent["token"], order)
    tour.download(order)
    _told(tour, order)
    reports = {"session": str(SESSION), "sent_at": 1003.0, "items": items}
    tour.call("POST", "agents/{agent_id}/reports", reports, **own)
    tour.call("GET", "tasks/{task_id}", **here)
    for part in ("attempts", "annotations", "events", "logs"):
        tour.call("GET", f"tasks/{{task_id}}/{part}", **here)
    tour.call("GET", "agents/{agent_id}/tasks", agent_id=agent["id"])
    tour.call("GET", "attempts?state=succeeded")
    tour.call("GET", "attempts/{attempt_id}", attempt_id=order["attempt"])
    _decisions(tour, here)


def _told(tour: Tour, order: Json) -> None:
    """The work speaks for itself, by a token of its own."""
    own = {"attempt_id": order["attempt"], "token": task_token(order["token"])}
    said = {"fraction": 0.4, "text": "frame 4 of 10"}
    tour.call("PUT", "attempts/{attempt_id}/progress", said, **own)
    note = {"text": "**2** frames are dark", "style": "warning"}
    path = "attempts/{attempt_id}/annotations/{context}"
    tour.call("PUT", path, note, context="render", **own)


def _await_reason(tour: Tour, here: dict[str, Any]) -> None:
    """A pass says why the task waits; the example is of the first answer that tells it."""
    path = "tasks/{task_id}/waiting"
    kept = len(tour.recorded)

    def told() -> bool:
        del tour.recorded[kept:]
        return tour.call("GET", path, **here)["code"] is not None

    wait_until(told)


def _await_order(tour: Tour, own: dict[str, Any]) -> Json:
    """Claims are repeated as an agent does, until one brings the order."""
    kept = len(tour.recorded)
    orders: list[Json] = []

    def brought() -> bool:
        del tour.recorded[kept:]
        claim = {"session": str(SESSION), "free": 2, "wait_s": 5.0}
        answer = tour.call("POST", "agents/{agent_id}/claims", claim, **own)
        orders[:] = answer.get("orders", [])
        return bool(orders)

    wait_until(brought)
    return orders[0]


def _decisions(tour: Tour, done: dict[str, Any]) -> None:
    """What people decide about tasks, in a pool where nobody works."""
    changes = {"spec": {"argv": ["render", "--frame", "2"]}}
    tour.call("POST", "tasks/{task_id}/rerun", {"changes": changes}, **done)
    quiet = {"driver": "noop", "project": "films"}
    first = tour.call("POST", "tasks", [quiet, {**quiet, "priority": 10}])["items"]
    # No test waits until an agent is lost: the row says what the sweep would have said.
    Task.objects.filter(pk=first[1]["id"]).update(state="unknown")
    resolve = {"outcome": "failed", "reason": "The machine burnt down."}
    tour.call("POST", "tasks/{task_id}/resolve", resolve, task_id=first[1]["id"])
    one = {"task_id": first[0]["id"]}
    tour.call("POST", "tasks/{task_id}/cancel", {}, **one)
    tour.call("POST", "tasks/{task_id}/retry", {}, **one)
    tour.call("POST", "tasks/rerun", {"selector": {"project": "films", "state": ["cancelled"]}})
    selector = {"selector": {"project": "films", "state": ["pending"], "pool": "default"}}
    tour.call("POST", "tasks/cancel", {**selector, "dry_run": True})
    tour.call("POST", "tasks/cancel", selector)
    tour.call("GET", "tasks?limit=1&state=completed")


def _tokens(tour: Tour, agent: Json) -> None:
    who = {"agent_id": agent["id"]}
    tour.call("POST", "agents/{agent_id}/regenerate-token", {"rotate": True}, **who)
    tour.call("POST", "agents/{agent_id}/regenerate-token", {}, **who)
    made = tour.call("POST", "tokens", {"label": "ci", "scopes": ["tasks.read", "tasks.write"]})
    tour.call("GET", "tokens")
    tour.call("GET", "tokens/{token_id}", token_id=made["id"])
    tour.call("DELETE", "tokens/{token_id}", token_id=made["id"])


def _ends(tour: Tour, pool: Json, agent: Json) -> None:
    both = {"pool_id": pool["id"], "agent_id": agent["id"]}
    tour.call("DELETE", "agent-pools/{pool_id}/agents/{agent_id}", **both)
    tour.call("POST", "agents/{agent_id}/revoke-token", {}, agent_id=agent["id"])
    tour.call("DELETE", "agents/{agent_id}", agent_id=agent["id"])
    spare = tour.call("POST", "agents", {"name": "spare", "project": "films"})
    assert spare["token"]
    tour.call("DELETE", "agent-pools/{pool_id}", pool_id=pool["id"])
