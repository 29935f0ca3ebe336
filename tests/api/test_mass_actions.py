"""Many tasks at once: cancelled by what they share, run again when they failed."""

import pytest

from executors.core.lifecycle import AttemptState
from executors.models import Task
from tests.builders import (
    a_pool,
    a_requirement,
    a_task,
    a_tasks,
    a_user,
    an_agent,
    an_attempt,
    seconds,
    state_of,
)


def an_unknown_task(pool):
    task = a_task(pool, lost_after_s=60)
    an_attempt(task, an_agent(), state=AttemptState.UNKNOWN)
    Task.objects.filter(pk=task.pk).update(state="unknown")
    return task


def test_many_tasks_are_cancelled_by_what_they_have_in_common(api, pool, now):
    red = a_tasks(pool, 3, labels={"team": "red"})
    needs = a_requirement(pool, labels={"team": "red"})
    blue = a_task(pool, labels={"team": "blue"}, requirement=needs)
    ended = a_task(pool, labels={"team": "red"}, state="failed", ended_at=now)
    answer = api.post("tasks/cancel", {"selector": {"labels": {"team": "red"}}})
    items = answer.json()["items"]
    assert answer.status_code == 202
    assert {item["id"] for item in items} == {str(task.pk) for task in red}
    assert {item["state"] for item in items} == {"cancelled"}
    assert answer.json()["counts"] == {"cancelled": 3}
    assert state_of(blue) == "pending"
    assert state_of(ended) == "failed"


def test_everything_of_one_person_is_cancelled_whatever_it_does(api, pool, now):
    bob = a_user("bob")
    mine = a_task(pool)
    waiting = a_tasks(pool, 2, owner=bob)
    running = a_task(pool, owner=bob)
    attempt = an_attempt(running, an_agent(), state=AttemptState.RUNNING)
    answer = api.post("tasks/cancel", {"selector": {"owner": "bob"}}).json()
    assert answer["counts"] == {"cancelled": 2, "stopping": 1}
    assert {state_of(task) for task in waiting} == {"cancelled"}
    assert (state_of(attempt), state_of(mine)) == ("stopping", "pending")


@pytest.mark.parametrize(
    "selector",
    [
        {"owner": "bob"},
        {"agent": "web-1"},
        {"pool": "gpus"},
        {"name": "x"},
        {"created_after": "2026-11-21T12:00:30Z"},
        {"state": ["running"]},
    ],
)
def test_each_selector_leaves_the_others_alone(api, pool, now, selector):
    other = a_task(pool)
    task = a_task(a_pool(name="gpus"), name="x", owner=a_user("bob"), now=now + seconds(60))
    an_attempt(task, agent := an_agent("web-1"), state=AttemptState.RUNNING)
    Task.objects.filter(pk=task.pk).update(state="running", agent=agent)
    (item,) = api.post("tasks/cancel", {"selector": selector}).json()["items"]
    assert item["id"] == str(task.pk)
    assert state_of(other) == "pending"


def test_a_mass_cancel_goes_beyond_any_page(api, pool):
    a_tasks(pool, 1_203)
    answer = api.post("tasks/cancel", {"selector": {"owner": "me"}}).json()
    assert answer["counts"] == {"cancelled": 1_203}
    assert (answer["more"], answer["next"]) == (False, None)
    assert not Task.objects.exclude(state="cancelled").exists()


def test_a_call_ends_after_its_share_and_the_next_goes_on(api, pool):
    attempt = an_attempt(a_task(pool), an_agent(), state=AttemptState.RUNNING)
    a_tasks(pool, 5_001)
    body = {"selector": {"owner": "me"}}
    first = api.post("tasks/cancel", body).json()
    second = api.post("tasks/cancel", {**body, "after": first["next"]}).json()
    assert (len(first["items"]), len(second["items"])) == (5_000, 2)
    assert (first["more"], second["more"]) == (True, False)
    assert state_of(attempt) == "stopping"
    assert not Task.objects.filter(state="pending").exists()


def test_a_dry_run_counts_by_state_and_pool_and_leaves_the_tasks(api, pool):
    a_tasks(pool, 2)
    task = a_task(a_pool(name="gpus"))
    an_attempt(task, an_agent(), state=AttemptState.RUNNING)
    Task.objects.filter(pk=task.pk).update(state="running")
    answer = api.post("tasks/cancel", {"selector": {"owner": "me"}, "dry_run": True})
    assert answer.status_code == 200
    assert answer.json()["counts"] == {
        "total": 3,
        "by_state": {"pending": 2, "running": 1},
        "by_pool": {"default/default": 2, "default/gpus": 1},
    }
    assert answer.json()["dry_run"] is True
    assert len(answer.json()["items"]) == 3
    assert state_of(task) == "running"


def test_a_dry_run_costs_the_same_for_many_tasks(api, pool, django_assert_num_queries):
    a_tasks(pool, 700)
    body = {"selector": {"owner": "me"}, "dry_run": True}
    api.post("tasks/cancel", body)
    with django_assert_num_queries(2):
        assert api.post("tasks/cancel", body).json()["counts"]["total"] == 700


@pytest.mark.parametrize("action", ["cancel", "rerun"])
@pytest.mark.parametrize(
    "body",
    [
        {},
        {"selector": {}},
        {"selector": {"state": ["x"]}},
        {"selector": {"owner": "a\x00"}},
        {"selector": {"created_after": "2026-11-21T12:00:00"}},
        {"selector": {"owner": "me"}, "after": "x"},
        {"selector": {"owner": "me", "ownr": "me"}},
    ],
)
def test_a_mass_action_without_a_good_selector_changes_nothing(api, pool, now, action, body):
    waiting = a_task(pool)
    a_task(pool, state="failed", ended_at=now)
    assert api.post(f"tasks/{action}", body).status_code in {400, 422}
    assert state_of(waiting) == "pending"
    assert Task.objects.count() == 2


def test_a_mass_cancel_reports_what_it_could_not_do(api, pool):
    task = an_unknown_task(pool)
    answer = api.post("tasks/cancel", {"selector": {"state": ["unknown"]}}).json()
    (item,) = answer["items"]
    assert item["problem"]["code"] == "needs_resolution"
    assert answer["counts"] == {"refused": 1}
    assert state_of(task) == "unknown"


def failed(pool, now, **fields):
    return a_task(pool, state="failed", ended_at=now, labels={"batch": "7"}, **fields)


SEVEN = {"selector": {"labels": {"batch": "7"}}}


def test_only_what_failed_is_run_again_each_with_its_parent(api, pool, now):
    bad = [failed(pool, now, spec={"exit_code": number}) for number in range(3)]
    late = a_task(pool, state="timed_out", ended_at=now, labels={"batch": "7"})
    for state in ("completed", "cancelled"):
        a_task(pool, state=state, ended_at=now, labels={"batch": "7"})
    a_task(pool, labels={"batch": "7"})
    failed_elsewhere = a_task(pool, state="failed", ended_at=now, labels={"batch": "8"})
    answer = api.post("tasks/rerun", SEVEN)
    body = answer.json()
    assert answer.status_code == 201
    assert body["counts"] == {"submitted": 4}
    assert [item["id"] for item in body["items"]] == [str(task.pk) for task in [*bad, late]]
    for item, task in zip(body["items"], [*bad, late], strict=True):
        new = Task.objects.get(pk=item["new_id"])
        assert (new.parent_id, new.spec, new.state) == (task.pk, task.spec, "pending")
    assert not Task.objects.filter(parent=failed_elsewhere).exists()


def test_what_was_run_again_is_not_run_a_second_time(api, pool, now):
    failed(pool, now)
    assert api.post("tasks/rerun", SEVEN).json()["counts"] == {"submitted": 1}
    again = api.post("tasks/rerun", SEVEN).json()
    assert (again["items"], again["counts"]) == ([], {})
    assert Task.objects.count() == 2


def test_a_dry_run_of_a_rerun_counts_what_failed(api, pool, now):
    failed(pool, now)
    answer = api.post("tasks/rerun", {**SEVEN, "dry_run": True}).json()
    assert answer["counts"]["by_state"] == {"failed": 1}
    assert Task.objects.count() == 1


def test_one_that_cannot_be_run_again_does_not_stop_the_others(api, pool, now):
    gone = failed(a_pool(name="old", archived_at=now), now)
    good = failed(pool, now)
    body = api.post("tasks/rerun", SEVEN).json()
    assert body["counts"] == {"refused": 1, "submitted": 1}
    by_id = {item["id"]: item for item in body["items"]}
    assert by_id[str(gone.pk)]["problem"]["code"] == "conflict"
    assert Task.objects.get(parent=good).state == "pending"


def test_cancelled_tasks_are_run_again_only_when_asked_for(api, pool, now):
    task = a_task(pool, state="cancelled", ended_at=now, name="x")
    assert api.post("tasks/rerun", {"selector": {"name": "x"}}).json()["items"] == []
    body = api.post("tasks/rerun", {"selector": {"name": "x", "state": ["cancelled"]}}).json()
    assert body["items"][0]["id"] == str(task.pk)


@pytest.mark.parametrize("state", ["completed", "running", "pending"])
def test_a_mass_rerun_of_what_did_not_fail_is_refused(api, pool, state):
    answer = api.post("tasks/rerun", {"selector": {"state": ["failed", state]}})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/selector/state/1"


def test_a_mass_rerun_may_be_repeated_safely(api, pool, now):
    failed(pool, now)
    first = api.post("tasks/rerun", SEVEN, Idempotency_Key="k")
    second = api.post("tasks/rerun", SEVEN, Idempotency_Key="k")
    assert second.content == first.content
    assert second.headers["Idempotent-Replayed"] == "true"


def test_another_projects_tasks_are_neither_counted_nor_touched(stranger, pool, now):
    task = a_task(pool)
    failed(pool, now)
    for action in ("cancel", "rerun"):
        body = {"selector": {"project": "default"}, "dry_run": True}
        assert stranger.post(f"tasks/{action}", body).json()["counts"]["total"] == 0
        assert (
            stranger.post(f"tasks/{action}", {"selector": {"pool": "default"}}).json()["items"]
            == []
        )
    assert state_of(task) == "pending"
    assert Task.objects.count() == 2
