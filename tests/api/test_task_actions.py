import pytest

from executors.core.lifecycle import AttemptState
from executors.models import Attempt, Task
from k8s4r.audit.models import AuditEvent
from k8s4r.core import ids
from tests.builders import a_pool, a_project, a_task, an_agent, an_attempt, state_of

TRUE = {"spec": {"argv": ["/bin/true"]}}


def an_unknown_task(pool):
    task = a_task(pool, lost_after_s=60)
    an_attempt(task, an_agent(), state=AttemptState.UNKNOWN)
    Task.objects.filter(pk=task.pk).update(state="unknown")
    return task


def test_a_waiting_task_is_cancelled_at_once(api, pool, alice):
    task = a_task(pool)
    answer = api.post(f"tasks/{task.pk}/cancel")
    event = AuditEvent.objects.filter(object_id=task.pk).latest("id")
    assert answer.status_code == 202
    assert answer.json()["state"] == "cancelled"
    assert state_of(task) == "cancelled"
    assert (event.actor_kind, event.actor_id) == ("user", str(alice.pk))


def test_a_running_task_is_asked_to_stop(api, pool):
    task = a_task(pool)
    attempt = an_attempt(task, an_agent(), state=AttemptState.RUNNING)
    answer = api.post(f"tasks/{task.pk}/cancel")
    assert answer.status_code == 202
    assert answer.json()["state"] == "running"
    assert answer.json()["stop_requested_at"] is not None
    assert state_of(attempt) == "stopping"


def test_what_has_ended_cannot_be_cancelled(api, pool, now):
    task = a_task(pool, state="completed", ended_at=now)
    answer = api.post(f"tasks/{task.pk}/cancel")
    assert answer.status_code == 409
    assert answer.json()["code"] == "illegal_transition"
    assert state_of(task) == "completed"


def test_cancelling_an_unknown_task_needs_a_resolution(api, pool):
    task = an_unknown_task(pool)
    answer = api.post(f"tasks/{task.pk}/cancel")
    assert answer.status_code == 409
    assert answer.json()["code"] == "needs_resolution"
    assert state_of(task) == "unknown"


def test_a_person_says_how_an_unknown_task_ended(api, pool):
    task = an_unknown_task(pool)
    answer = api.post(
        f"tasks/{task.pk}/resolve", {"outcome": "completed", "reason": "seen on the machine"}
    )
    assert answer.status_code == 200
    assert answer.json()["state"] == "completed"
    assert answer.json()["message"] == "seen on the machine"
    assert state_of(Attempt.objects.get(task=task)) == "lost"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"outcome": "done", "reason": "x"}, "/outcome"),
        ({"outcome": "failed"}, "/reason"),
        ({"outcome": "failed", "reason": ""}, "/reason"),
        ({"outcome": "failed", "reason": "x", "force": True}, "/force"),
    ],
)
def test_a_resolution_says_how_and_why(api, pool, body, pointer):
    task = an_unknown_task(pool)
    answer = api.post(f"tasks/{task.pk}/resolve", body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert state_of(task) == "unknown"


def test_only_unknown_tasks_are_resolved(api, pool):
    task = a_task(pool)
    answer = api.post(f"tasks/{task.pk}/resolve", {"outcome": "failed", "reason": "x"})
    assert answer.status_code == 409
    assert state_of(task) == "pending"


def test_a_failed_task_is_tried_again_as_a_new_one_with_the_same_request(api, now):
    first = api.post(
        "tasks",
        {
            "name": "x",
            **TRUE,
            "labels": {"batch": "7"},
            "required_labels": {"a": "b"},
            "queue_timeout_s": 60,
            "retry": {"attempts": 2},
        },
    ).json()
    Task.objects.filter(pk=first["id"]).update(state="failed", ended_at=now)
    answer = api.post(f"tasks/{first['id']}/retry")
    again = answer.json()
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/api/v1/tasks/{again['id']}"
    assert again["parent_id"] == first["id"]
    assert again["state"] == "pending"
    same = (
        "name", "spec", "labels", "required_labels", "retry", "pool_id", "lost_after_s",
        "run_timeout_s",
    )  # fmt: skip
    assert {key: again[key] for key in same} == {key: first[key] for key in same}
    assert state_of(Task.objects.get(pk=first["id"])) == "failed"
    deadlines = [Task.objects.get(pk=task["id"]) for task in (first, again)]
    assert len({row.queue_deadline_at - row.submitted_at for row in deadlines}) == 1
    assert deadlines[0].requirement_id == deadlines[1].requirement_id


def test_a_completed_task_is_rerun_but_not_retried(api, pool, now):
    task = a_task(pool, state="completed", ended_at=now)
    assert api.post(f"tasks/{task.pk}/retry").status_code == 409
    assert api.post(f"tasks/{task.pk}/rerun").status_code == 201
    assert Task.objects.filter(parent=task).count() == 1


def test_what_has_not_ended_is_not_run_again(api, pool):
    task = a_task(pool)
    for action in ("retry", "rerun"):
        assert api.post(f"tasks/{task.pk}/{action}").status_code == 409
    assert Task.objects.count() == 1


WHOLE = {
    "name": "build",
    "spec": {"argv": ["make", "test"], "env": {"MODE": "full", "DEPTH": "2"}, "cwd": "/srv"},
    "labels": {"batch": "7"},
    "required_labels": {"gpu": "a100"},
    "constraints": [{"ltarget": "labels.zone", "operand": "!=", "rtarget": "b"}],
    "resources": {"cpu": 2.0},
    "priority": 7,
    "queue_timeout_s": 600,
    "run_timeout_s": 3_600,
    "silence_timeout_s": 60,
    "lost_after_s": 90,
    "disconnect": "stop",
    "retry": {"attempts": 4, "on": ["failed", "lost"]},
}


def an_ended_task(api, now, **fields):
    """Return a task that asked for everything a task may ask for, and has ended."""
    made = api.post("tasks", {**WHOLE, **fields}).json()
    Task.objects.filter(pk=made["id"]).update(state="failed", ended_at=now)
    return made


def test_a_rerun_with_changes_keeps_everything_else_and_says_what_differs(api, pool, now):
    other = a_pool(name="gpus")
    first = an_ended_task(api, now)
    changes = {
        "priority": 9,
        "pool": "gpus",
        "spec": {"env": {"MODE": "quick", "DEPTH": None, "NEW": "1"}},
        "run_timeout_s": None,
    }
    answer = api.post(f"tasks/{first['id']}/rerun", {"changes": changes})
    again = answer.json()
    assert answer.status_code == 201
    assert again.pop("changes") == [
        {"pointer": "/pool", "from": "default", "to": "gpus"},
        {"pointer": "/priority", "from": 7, "to": 9},
        {"pointer": "/run_timeout_s", "from": 3_600, "to": None},
        {"pointer": "/spec/env/DEPTH", "from": "2", "to": None},
        {"pointer": "/spec/env/MODE", "from": "full", "to": "quick"},
        {"pointer": "/spec/env/NEW", "from": None, "to": "1"},
    ]
    same = WHOLE.keys() - {"spec", "priority", "run_timeout_s", "queue_timeout_s"}
    assert {name: again[name] for name in same} == {name: first[name] for name in same}
    assert again["spec"] == {**WHOLE["spec"], "env": {"MODE": "quick", "NEW": "1"}}
    assert (again["pool_id"], again["parent_id"]) == (str(other.pk), first["id"])
    assert api.get(f"tasks?parent={first['id']}").json()["items"][0]["id"] == again["id"]


def test_a_rerun_without_changes_says_that_nothing_differs(api, pool, now):
    first = an_ended_task(api, now)
    again = api.post(f"tasks/{first['id']}/rerun").json()
    assert again["changes"] == []
    assert {name: again[name] for name in WHOLE if name != "queue_timeout_s"} == {
        name: first[name] for name in WHOLE if name != "queue_timeout_s"
    }


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"changes": {"priority": 101}}, "/changes/priority"),
        ({"changes": {"priorty": 5}}, "/changes/priorty"),
        ({"changes": {"spec": {"env": {"K8S4R_X": "1"}}}}, "/changes/spec/env/K8S4R_X"),
        ({"changes": {"spec": {"argv": None}}}, "/changes/spec/argv"),
        ({"changes": {"pool": "nowhere"}}, "/changes/pool"),
        ({"set": {"priority": 5}}, "/set"),
    ],
)
def test_a_change_that_no_task_may_ask_for_is_refused_by_its_place(api, pool, now, body, pointer):
    first = an_ended_task(api, now)
    answer = api.post(f"tasks/{first['id']}/rerun", body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert Task.objects.count() == 1


def test_a_retry_may_be_repeated_safely(api, pool, now):
    task = a_task(pool, state="failed", ended_at=now)
    first = api.post(f"tasks/{task.pk}/retry", Idempotency_Key="k")
    second = api.post(f"tasks/{task.pk}/retry", Idempotency_Key="k")
    assert second.content == first.content
    assert Task.objects.filter(parent=task).count() == 1


ACTIONS = ("cancel", "retry", "rerun", "resolve")
VIEWS = ("", "/attempts", "/events", "/waiting")


def test_another_projects_tasks_do_not_exist_for_a_stranger(stranger, pool):
    task = a_task(pool)
    for view in VIEWS:
        assert stranger.get(f"tasks/{task.pk}{view}").status_code == 404
    for action in ACTIONS:
        body = {"outcome": "failed", "reason": "x"} if action == "resolve" else None
        assert stranger.post(f"tasks/{task.pk}/{action}", body).status_code == 404
    assert stranger.get("tasks").json()["items"] == []
    assert stranger.get(f"tasks?pool={pool.pk}").json()["items"] == []
    cancelled = stranger.post("tasks/cancel", {"selector": {"state": ["pending"]}})
    assert cancelled.json()["items"] == []
    assert state_of(task) == "pending"


def test_a_stranger_submits_only_to_their_own_project(stranger, pool):
    answer = stranger.post("tasks", {**TRUE, "project": "default", "pool": str(pool.pk)})
    own = stranger.post("tasks", {**TRUE, "project": "other"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/pool"
    assert own.status_code == 201


@pytest.mark.parametrize(
    "identity", [str(ids.uuid7(1, b"0" * 10)), "1", "x" * 5000, "..%2f", "%00", "0" * 36]
)
def test_an_id_that_nothing_has_is_not_found(api, identity):
    for view in VIEWS:
        answer = api.get(f"tasks/{identity}{view}")
        assert answer.status_code == 404
        assert answer.headers["Content-Type"] == "application/problem+json"
    for action in ACTIONS:
        body = {"outcome": "failed", "reason": "x"} if action == "resolve" else None
        assert api.post(f"tasks/{identity}/{action}", body).status_code == 404


def test_a_pool_that_has_ended_takes_no_tasks(api, now):
    a_pool(name="old", archived_at=now)
    assert api.post("tasks", {**TRUE, "pool": "old"}).status_code == 422
    assert api.post("tasks", {**TRUE, "project": a_project("empty").name}).status_code == 422
    assert not Task.objects.exists()
