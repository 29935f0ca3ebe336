import pytest

from executors.core.lifecycle import AttemptState
from executors.models import Attempt, Task
from k8s4r.audit.models import AuditEvent
from k8s4r.core import ids
from tests.builders import a_pool, a_project, a_task, a_tasks, an_agent, an_attempt, state_of

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
            "labels": {"a": "b"},
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
    same = ("name", "spec", "labels", "retry", "pool_id", "lost_after_s", "run_timeout_s")
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


def test_a_retry_may_be_repeated_safely(api, pool, now):
    task = a_task(pool, state="failed", ended_at=now)
    first = api.post(f"tasks/{task.pk}/retry", Idempotency_Key="k")
    second = api.post(f"tasks/{task.pk}/retry", Idempotency_Key="k")
    assert second.content == first.content
    assert Task.objects.filter(parent=task).count() == 1


def test_many_tasks_are_cancelled_by_what_they_have_in_common(api, pool, now):
    red = a_tasks(pool, 3, labels={"team": "red"})
    blue = a_task(pool, labels={"team": "blue"})
    ended = a_task(pool, labels={"team": "red"}, state="failed", ended_at=now)
    answer = api.post("tasks/cancel", {"selector": {"labels": {"team": "red"}}})
    items = answer.json()["items"]
    assert answer.status_code == 202
    assert {item["id"] for item in items} == {str(task.pk) for task in red}
    assert {item["state"] for item in items} == {"cancelled"}
    assert state_of(blue) == "pending"
    assert state_of(ended) == "failed"


def test_a_dry_run_names_the_tasks_and_leaves_them(api, pool):
    task = a_task(pool, name="x")
    answer = api.post("tasks/cancel", {"selector": {"name": "x"}, "dry_run": True})
    assert [item["id"] for item in answer.json()["items"]] == [str(task.pk)]
    assert answer.json()["dry_run"] is True
    assert state_of(task) == "pending"


@pytest.mark.parametrize("body", [{}, {"selector": {}}, {"selector": {"state": ["x"]}}])
def test_a_mass_cancel_without_a_good_selector_changes_nothing(api, pool, body):
    task = a_task(pool)
    assert api.post("tasks/cancel", body).status_code == 422
    assert state_of(task) == "pending"


def test_a_mass_cancel_reports_what_it_could_not_do(api, pool):
    task = an_unknown_task(pool)
    (item,) = api.post("tasks/cancel", {"selector": {"state": ["unknown"]}}).json()["items"]
    assert item["problem"]["code"] == "needs_resolution"
    assert state_of(task) == "unknown"


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
