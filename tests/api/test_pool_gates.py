"""Pauses, maintenance windows and sharing of pools over REST, and what they do to tasks."""

from datetime import timedelta

import pytest

from executors.models import Attempt, Requirement
from executors.services import dispatch
from k8s4r import clock
from pools.models import Pool
from pools.services import pools
from tests.api.conftest import Api, token_of
from tests.builders import a_member, a_pool, a_project, a_task, a_user, an_agent

ALWAYS = {"from": "00:00", "to": "23:59", "timezone": "UTC", "note": "backup"}


def run_pass(pool, now=None):
    return dispatch.run_pass(pool.pk, now=now or clock.now(), aging_weight_s=60)


def a_window(around, **fields):
    """Return a window that is on at a moment, for the hour around it."""
    begins, ends = around - timedelta(minutes=30), around + timedelta(minutes=30)
    return {"from": f"{begins:%H:%M}", "to": f"{ends:%H:%M}", **fields}


def test_a_pause_says_why_by_whom_and_since_when_and_ends_with_all_of_it(api, pool):
    path = f"agent-pools/{pool.pk}"
    paused = api.patch(path, {"paused": True, "paused_reason": "disk swap"}).json()
    assert (paused["paused_by"], paused["paused_reason"]) == ("alice", "disk swap")
    assert paused["paused_at"] is not None
    assert paused["paused_until"] is None
    [held] = paused["held_by"]
    assert (held["rule"], held["note"], held["by"]) == ("paused", "disk swap", "alice")
    resumed = api.patch(path, {"paused": False}).json()
    assert resumed["held_by"] == []
    assert (resumed["paused_by"], resumed["paused_reason"]) == ("", "")
    assert (resumed["paused_at"], resumed["paused_until"]) == (None, None)


def test_a_pause_ends_by_itself_only_when_it_was_given_a_time(api, pool):
    path, now = f"agent-pools/{pool.pk}", clock.now()
    api.patch(path, {"paused": True})
    assert pools.end_pauses(now=now + timedelta(days=365), limit=10) == 0
    until = now + timedelta(hours=1)
    assert api.patch(path, {"paused_until": until.isoformat()}).status_code == 200
    assert pools.end_pauses(now=until - timedelta(seconds=1), limit=10) == 0
    assert pools.end_pauses(now=until, limit=10) == 1
    row = Pool.objects.get(pk=pool.pk)
    assert (row.paused, row.paused_until, row.paused_by) == (False, None, "")


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"paused_reason": "why"}, "/paused_reason"),
        ({"paused_until": "2999-01-01T00:00:00Z"}, "/paused_until"),
        ({"paused": True, "paused_until": "2020-01-01T00:00:00Z"}, "/paused_until"),
        ({"open_until": "2999-01-01T00:00:00"}, "/open_until"),
        ({"windows": [{**ALWAYS, "from": "24:00"}]}, "/windows/0/from"),
        ({"windows": [{**ALWAYS, "days": ["monday"]}]}, "/windows/0/days/0"),
        ({"windows": [{**ALWAYS, "mode": "kill"}]}, "/windows/0/mode"),
        ({"windows": [{"from": "01:00"}]}, "/windows/0/to"),
        ({"windows": [ALWAYS, {**ALWAYS, "timezone": "Mars/Olympus"}]}, "/windows/1/timezone"),
        ({"windows": [{**ALWAYS, "timezone": "../etc/passwd"}]}, "/windows/0/timezone"),
        ({"windows": [{"from": "05:00", "to": "05:00"}]}, "/windows"),
        ({"shared_with": ["nowhere"]}, "/shared_with/0"),
        ({"weights": {"nowhere": 2}}, "/weights/nowhere"),
        ({"weights": {"default": 0}}, "/weights/default"),
        ({"agent_ids": ["0190a0a0-0000-7000-8000-000000000000"]}, "/agent_ids"),
    ],
)
def test_a_gate_that_breaks_a_rule_is_named_and_nothing_changes(api, pool, change, pointer):
    answer = api.patch(f"agent-pools/{pool.pk}", change)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert api.post("agent-pools", {"name": "x", **change}).status_code == 422
    assert Pool.objects.count() == 1


def test_a_window_holds_the_pool_and_says_when_it_opens(api, pool):
    an_agent()
    task, now = a_task(pool), clock.now()
    path = f"agent-pools/{pool.pk}"
    api.patch(path, {"windows": [a_window(now, note="backup")]})
    pool.refresh_from_db()
    assert run_pass(pool).placed == 0
    assert Requirement.objects.get(pk=task.requirement_id).waiting_code == "maintenance_window"
    why = api.get(f"tasks/{task.pk}/waiting").json()
    [gate] = [gate for gate in why["gates"] if not gate["passed"]]
    assert (gate["name"], gate["note"]) == ("pool_window", "backup")
    assert gate["until"] is not None
    assert gate["until"] == api.get(path).json()["held_by"][0]["until"]
    [advice] = why["advice"]
    assert advice["command"].startswith(f"k8s4r api PATCH agent-pools/{pool.pk} -d ")


def test_an_override_opens_the_pool_once(api, pool):
    an_agent()
    a_task(pool)
    now = clock.now()
    path = f"agent-pools/{pool.pk}"
    until = now + timedelta(minutes=5)
    api.patch(path, {"windows": [a_window(now)], "open_until": until.isoformat()})
    assert run_pass(pool).placed == 1
    a_task(pool)
    an_agent()
    assert run_pass(pool, now=until).placed == 0


def test_agents_are_listed_with_the_pool_and_by_another_list_replaced(api):
    one, two = an_agent("one"), an_agent("two")
    made = api.post(
        "agent-pools", {"name": "x", "pool_type": "static", "agent_ids": [str(one.pk)]}
    ).json()
    assert made["agent_ids"] == [str(one.pk)]
    path = f"agent-pools/{made['id']}"
    assert api.patch(path, {"description": "y"}).json()["agent_ids"] == [str(one.pk)]
    assert api.patch(path, {"agent_ids": [str(two.pk)]}).json()["agent_ids"] == [str(two.pk)]
    assert api.put(path, {"name": "x", "pool_type": "static"}).json()["agent_ids"] == [str(two.pk)]
    assert api.patch(path, {"agent_ids": []}).json()["agent_ids"] == []


@pytest.fixture
def guest(pool):
    """Return a client of another project, with which nothing is shared yet."""
    other = a_project("other")
    return Api(token_of(a_member("bob", "operator", "fleet_admin", project=other)))


def test_a_shared_pool_takes_tasks_of_the_other_project_and_stays_its_owners(api, pool, guest):
    an_agent("one")
    shared = a_pool(name="big")
    asked = {"driver": "noop", "project": "other", "pool": "big"}
    assert guest.post("tasks", asked).status_code == 422
    answer = api.patch(f"agent-pools/{shared.pk}", {"shared_with": ["other"]})
    assert answer.json()["shared_with"] == [str(a_project("other").pk)]

    task = guest.post("tasks", asked).json()
    assert (task["project"], task["pool"]) == ("other", "big")
    assert run_pass(shared).placed == 1
    assert [item["name"] for item in guest.get("agent-pools").json()["items"]] == ["big"]
    assert guest.patch(f"agent-pools/{shared.pk}", {"paused": True}).status_code == 403
    assert guest.delete(f"agent-pools/{shared.pk}").status_code == 403
    assert guest.post("enrolment-tokens", {"project": "other", "pool": "big"}).status_code == 422


def test_a_projects_own_pool_goes_before_a_shared_one_of_the_same_name(api, pool, guest):
    a_pool(name="default", project=a_project("other"))
    api.patch(f"agent-pools/{pool.pk}", {"shared_with": ["other"]})
    task = guest.post("tasks", {"driver": "noop", "project": "other"}).json()
    assert task["pool_id"] != str(pool.pk)
    by_id = {"driver": "noop", "project": "other", "pool": str(pool.pk)}
    assert guest.post("tasks", by_id).json()["pool_id"] == str(pool.pk)


def test_a_pools_own_weights_share_it_between_its_projects(api, pool, guest):
    other = a_project("other")
    an_agent(slots=8)
    path = f"agent-pools/{pool.pk}"
    api.patch(path, {"shared_with": ["other"], "weights": {"other": 3.0}})
    for _ in range(8):
        a_task(pool)
        a_task(pool, project=other, owner=a_user("bob"))
    pool.refresh_from_db()
    assert run_pass(pool).placed == 8
    assert Attempt.objects.filter(project=other).count() == 6
