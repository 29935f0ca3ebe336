import pytest
from django.db import connection

from executors.core.lifecycle import AttemptState
from executors.models import Requirement, Task
from executors.services import dispatch
from k8s4r.audit.models import AuditEvent
from tests.builders import a_pool, a_project, a_task, an_agent, an_attempt, seconds

TRUE = {"spec": {"argv": ["/bin/true"]}}


def test_a_task_is_accepted_with_its_place_and_what_was_left_out(api, pool):
    answer = api.post("tasks", {"name": "first", **TRUE})
    task = answer.json()
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/api/v1/tasks/{task['id']}"
    assert task["state"] == "pending"
    assert task["owner"] == "alice"
    assert task["project"] == "default"
    assert task["pool_id"] == str(pool.pk)
    assert task["lost_after_s"] == 120
    assert task["disconnect"] == "replace"
    assert task["waiting"]["code"] is None
    assert api.get(f"tasks/{task['id']}").json() == task | {
        "attempts": [],
        "decisions": [],
        "plan": None,
    }


def test_everything_that_can_be_asked_for_is_kept(api, alice):
    body = {
        "name": "full",
        "kind": "exec",
        "driver": "exec",
        "spec": {
            "argv": ["/bin/sh", "-c", "true"],
            "env": {"A": "1"},
            "cwd": "/tmp",
            "output_limit_bytes": 100,
            "kill_grace_s": 3,
        },
        "project": "default",
        "pool": "default",
        "labels": {"batch": "7"},
        "required_labels": {"gpu": "yes"},
        "constraints": [{"ltarget": "device.cpu", "operand": ">=", "rtarget": "4"}],
        "resources": {"cpu": 1.5},
        "priority": 7,
        "queue_timeout_s": 60,
        "run_timeout_s": 61,
        "silence_timeout_s": 62,
        "lost_after_s": 90,
        "retry": {
            "attempts": 4,
            "delay": "fibonacci",
            "base_s": 2,
            "cap_s": 30,
            "jitter": 0.5,
            "on": ["failed", "lost"],
        },
        "disconnect": "wait",
    }
    task = api.post("tasks", body).json()
    row = Task.objects.select_related("requirement").get(pk=task["id"])
    assert {key: task[key] for key in body.keys() - {"queue_timeout_s"}} == {
        key: body[key] for key in body.keys() - {"queue_timeout_s"}
    }
    assert row.queue_deadline_at == row.submitted_at + seconds(60)
    assert row.sort_key == pytest.approx(row.submitted_at.timestamp() - 7 * 60, abs=0.001)
    assert row.retry["max_attempts"] == 4
    assert row.requirement.labels == {"gpu": "yes"}
    assert row.requirement.resources == {"cpu": 1.5}
    assert row.owner_id == alice.pk


def test_labels_may_be_a_list_of_pairs(api):
    lists = {"labels": ["batch=7", "team=a"], "required_labels": ["gpu=yes", "zone=a"]}
    task = api.post("tasks", {**TRUE, **lists}).json()
    assert task["labels"] == {"batch": "7", "team": "a"}
    assert task["required_labels"] == {"gpu": "yes", "zone": "a"}


def test_labels_of_its_own_say_nothing_about_who_may_run_it(api):
    api.post("tasks", [{**TRUE, "labels": {"batch": batch}} for batch in ("7", "8")])
    (requirement,) = Requirement.objects.all()
    assert requirement.labels == {}


def test_a_task_of_an_earlier_version_has_no_labels_of_its_own(api):
    made = api.post("tasks", {**TRUE, "required_labels": {"gpu": "yes"}}).json()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE executors_task SET own_labels = DEFAULT")
    shown = api.get(f"tasks/{made['id']}").json()
    assert (shown["labels"], shown["required_labels"]) == ({}, {"gpu": "yes"})


def test_a_pool_may_be_named_by_its_id_and_a_project_too(api):
    project = a_project("second")
    pool = a_pool(project=project, name="fast")
    by_id = api.post("tasks", {**TRUE, "project": str(project.pk), "pool": str(pool.pk)}).json()
    by_name = api.post("tasks", {**TRUE, "project": "second", "pool": "fast"}).json()
    assert by_id["pool_id"] == by_name["pool_id"] == str(pool.pk)
    assert by_id["project_id"] == str(project.pk)


def test_a_list_is_accepted_whole_and_keeps_its_order(api):
    answer = api.post("tasks", [{"name": f"t{n}", **TRUE} for n in range(50)])
    names = [task["name"] for task in answer.json()["items"]]
    stored = Task.objects.order_by("sort_key").values_list("name", flat=True)
    assert answer.status_code == 201
    assert names == [f"t{n}" for n in range(50)] == list(stored)
    assert list(Task.objects.order_by("id").values_list("name", flat=True)) == names


def test_a_list_with_one_bad_task_is_refused_whole_and_names_it(api):
    answer = api.post("tasks", [TRUE, TRUE, {"spec": {"argv": []}}, TRUE])
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/2/spec/argv"
    assert not Task.objects.exists()


def test_a_list_with_one_unknown_pool_is_refused_whole_and_names_it(api):
    answer = api.post("tasks", [TRUE, {**TRUE, "pool": "nowhere"}])
    assert answer.status_code == 422
    assert answer.json()["errors"] == [
        {
            "pointer": "/1/pool",
            "rule": "unknown",
            "detail": "project default has no pool nowhere",
        }
    ]
    assert not Task.objects.exists()


@pytest.mark.parametrize("count", [0, 1001])
def test_a_list_has_one_to_a_thousand_tasks(api, count):
    answer = api.post("tasks", [{"driver": "noop"}] * count)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["rule"] == "items"
    assert not Task.objects.exists()


def test_a_thousand_tasks_cost_as_many_statements_as_one(api, django_assert_max_num_queries):
    api.post("tasks", TRUE)
    with django_assert_max_num_queries(6) as one:
        api.post("tasks", TRUE)
    with django_assert_max_num_queries(6) as many:
        answer = api.post("tasks", [{"name": f"t{n}", **TRUE} for n in range(1000)])
    assert answer.status_code == 201
    assert len(many) == len(one)
    assert Task.objects.count() == 1002


def test_equal_requirements_are_stored_once(api):
    wide = {"required_labels": {"gpu": "yes"}, "resources": {"cpu": 1}}
    api.post("tasks", [{**TRUE, **wide}, {**TRUE, **wide}, TRUE])
    api.post("tasks", {**TRUE, **wide})
    assert Requirement.objects.count() == 2


def test_a_submission_leaves_one_signed_event_per_task(api, alice):
    task = api.post("tasks", TRUE, X_Request_Id="req-1").json()
    (event,) = AuditEvent.objects.filter(object_id=task["id"])
    assert (event.from_state, event.to_state, event.cause) == ("", "pending", "submit")
    assert (event.actor_kind, event.actor_id) == ("user", str(alice.pk))
    assert event.request_id == "req-1"


@pytest.mark.parametrize(
    "field",
    ["id", "state", "owner", "attempts_made", "exit_code", "submitted_at", "agent", "sort_key"],
)
def test_what_is_not_the_callers_to_say_is_refused(api, field):
    answer = api.post("tasks", {**TRUE, field: "x"})
    assert answer.status_code == 422
    assert answer.json()["errors"] == [
        {"pointer": f"/{field}", "rule": "unknown_field", "detail": "is not a field here"}
    ]
    assert not Task.objects.exists()


@pytest.mark.parametrize(
    ("change", "pointer", "rule"),
    [
        ({"spec": {}}, "/spec/argv", "required"),
        ({"spec": {"argv": [""]}}, "/spec/argv/0", "bounds"),
        ({"spec": {"argv": ["a"], "cwd": "b"}}, "/spec/cwd", "absolute_path"),
        ({"spec": {"argv": ["a"], "env": {"A=B": ""}}}, "/spec/env/A=B", "env_name"),
        ({"spec": {"argv": ["a"], "env": {"K8S4R_X": ""}}}, "/spec/env/K8S4R_X", "reserved"),
        ({"spec": {"argv": ["a"], "shell": True}}, "/spec/shell", "unknown_field"),
        ({"spec": {"argv": ["a" * 131_072]}}, "/spec/argv/0", "max_bytes"),
        ({"driver": "noop", "spec": {"exit_code": 256}}, "/spec/exit_code", "bounds"),
        ({"driver": "docker"}, "/driver", "enum"),
        ({"kind": "apply"}, "/kind", "enum"),
        ({"name": "a\nb"}, "/name", "text"),
        ({"name": "a" * 254}, "/name", "bounds"),
        ({"priority": 101}, "/priority", "bounds"),
        ({"priority": -1}, "/priority", "bounds"),
        ({"lost_after_s": 29}, "/lost_after_s", "bounds"),
        ({"run_timeout_s": 0}, "/run_timeout_s", "bounds"),
        ({"labels": {"-": "x"}}, "/labels/-", "label_key"),
        ({"labels": ["gpu"]}, "/labels/0", "label_form"),
        ({"labels": {"a": "b c"}}, "/labels/a", "label_value"),
        ({"labels": {f"k{n}": "" for n in range(33)}}, "/labels", "max_items"),
        ({"labels": [f"k{n}=" for n in range(33)]}, "/labels", "max_items"),
        ({"required_labels": {"-": "x"}}, "/required_labels/-", "label_key"),
        ({"required_labels": ["gpu"]}, "/required_labels/0", "label_form"),
        ({"required_labels": {f"k{n}": "" for n in range(65)}}, "/required_labels", "max_items"),
        ({"resources": {"cpu": 0}}, "/resources/cpu", "bounds"),
        ({"resources": {"c pu": 1}}, "/resources/c pu", "name"),
        ({"retry": {"attempts": 0}}, "/retry/attempts", "bounds"),
        ({"disconnect": "never"}, "/disconnect", "enum"),
        (
            {"constraints": [{"ltarget": "x", "operand": "=", "rtarget": ""}]},
            "/constraints/0/ltarget",
            "fact_path",
        ),
        (
            {"constraints": [{"ltarget": "labels.a", "operand": "~", "rtarget": ""}]},
            "/constraints/0/operand",
            "enum",
        ),
        (
            {"constraints": [{"ltarget": "labels.a", "operand": "regexp", "rtarget": "("}]},
            "/constraints/0/rtarget",
            "regexp",
        ),
    ],
)
def test_a_broken_rule_is_named_with_its_field(api, change, pointer, rule):
    answer = api.post("tasks", {**TRUE, **change})
    found = [(each["pointer"], each["rule"]) for each in answer.json()["errors"]]
    assert answer.status_code == 422
    assert found == [(pointer, rule)]
    assert not Task.objects.exists()


def test_a_task_shows_its_attempts_and_where_it_runs(api, pool):
    agent = an_agent("worker")
    task = a_task(pool)
    attempt = an_attempt(task, agent, state=AttemptState.RUNNING)
    shown = api.get(f"tasks/{task.pk}").json()
    assert shown["state"] == "running"
    assert shown["agent"] == "worker"
    assert shown["waiting"] is None
    assert [(a["id"], a["number"], a["agent"]) for a in shown["attempts"]] == [
        (str(attempt.pk), 1, "worker")
    ]
    assert api.get(f"tasks/{task.pk}/attempts").json()["items"] == shown["attempts"]


def test_events_tell_what_happened_to_a_task_and_its_attempts(api, now):
    agent = an_agent(capabilities={"drivers": ["exec"]})
    task = api.post("tasks", TRUE).json()
    dispatch.run_pass(_pool_id(task), now=now, aging_weight_s=60)
    events = api.get(f"tasks/{task['id']}/events").json()["items"]
    assert [(e["object_type"], e["to_state"], e["cause"]) for e in events] == [
        ("task", "pending", "submit"),
        ("attempt", "assigned", "dispatch"),
        ("task", "dispatching", "dispatch"),
    ]
    assert events[1]["detail"]["agent"] == str(agent.pk)


def test_a_waiting_task_says_why_with_a_reason_for_each_candidate(api, now):
    an_agent("plain", capabilities={"drivers": ["exec"]})
    task = api.post("tasks", {**TRUE, "required_labels": {"gpu": "yes"}}).json()
    dispatch.run_pass(_pool_id(task), now=now, aging_weight_s=60)
    why = api.get(f"tasks/{task['id']}/waiting").json()
    shown = api.get(f"tasks/{task['id']}").json()["waiting"]
    assert why["code"] == shown["code"] == "labels_missing"
    assert why["sentence"] == shown["sentence"] != ""
    assert shown["since"] == task["submitted_at"]
    assert [(c["agent"], c["code"], c["rule"], c["needed"]) for c in why["candidates"]] == [
        ("plain", "labels_missing", "labels.gpu", "yes")
    ]


def test_reasons_are_there_before_any_pass_has_looked(api):
    task = api.post("tasks", TRUE).json()
    assert api.get(f"tasks/{task['id']}/waiting").json()["code"] == "no_agents"


def test_a_task_that_runs_does_not_wait(api, pool):
    task = a_task(pool)
    an_attempt(task, an_agent())
    assert api.get(f"tasks/{task.pk}/waiting").json()["code"] is None


def _pool_id(task):
    return Task.objects.get(pk=task["id"]).pool_id
