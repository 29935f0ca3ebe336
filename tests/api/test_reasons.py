"""Why tasks wait, who would get one, what waits in a pool and what was decided, over REST."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from executors.services import decisions, dispatch
from k8s4r import clock
from pools.models import Decision
from tests.builders import (
    NOON,
    a_pool,
    a_project,
    a_requirement,
    a_task,
    a_tasks,
    a_user,
    an_agent,
    an_attempt,
    seconds,
)

NOOP = {"driver": "noop"}


def run_pass(pool, now=NOON):
    return dispatch.run_pass(pool.pk, now=now, aging_weight_s=60)


def gates(answer):
    return {gate["name"]: gate["passed"] for gate in answer["gates"]}


def test_a_task_that_no_pass_has_seen_is_explained_at_once(api, pool):
    an_agent("one", labels={"gpu": "no"})
    task = api.post("tasks", {**NOOP, "required_labels": {"gpu": "yes"}}).json()
    why = api.get(f"tasks/{task['id']}/waiting").json()
    assert why["code"] == "labels_missing"
    [candidate] = why["candidates"]
    assert (candidate["agent"], candidate["rule"]) == ("one", "labels.gpu")
    assert (candidate["needed"], candidate["found"]) == ("yes", "no")
    assert candidate["since"] == task["submitted_at"]
    assert gates(why) == {
        **{"pool_active": True, "pool_window": True, "pool_limit": True, "owner_limit": True},
        **{"backoff": True, "agents": True, "driver": True, "labels": False},
        **{"constraints": None, "agent_online": None, "agent_active": None},
        **{"agent_takes_work": None, "resources": None, "slots": None, "queue": True},
    }
    assert why["advice"][0]["role"] == "fleet_admin"
    assert '"labels": {"gpu": "yes"}' in why["advice"][0]["command"]


@pytest.mark.parametrize(
    ("agent", "pool_fields", "code", "gate"),
    [
        ({"observed": "offline"}, {}, "no_agent_online", ("agent_online", "observed online",
         "0 of 1 agents, as one has offline")),
        ({"observed": "pending"}, {}, "no_agent_online", ("agent_online", "observed online",
         "0 of 1 agents, as one has pending")),
        ({"desired": "draining", "desired_note": "disk"}, {}, "paused",
         ("agent_active", "desired active", "0 of 1 agents, as one has draining: disk")),
        ({"slots": 0}, {}, "slots_full", ("slots", "free_slots 1",
         "0 of 1 agents, as one has 0 of 0")),
        ({}, {"max_concurrent": 0}, "pool_limit", ("pool_limit", "fewer than 0 running",
         "0 running")),
        ({}, {"max_per_owner": 0}, "owner_share", ("owner_limit", "fewer than 0 running",
         "0 running")),
    ],
)  # fmt: skip
def test_the_gate_that_holds_a_task_has_the_numbers(api, agent, pool_fields, code, gate):
    pool = a_pool(an_agent("one", **agent), **pool_fields)
    task = a_task(pool)
    why = api.get(f"tasks/{task.pk}/waiting").json()
    assert why["code"] == code
    [held] = [one for one in why["gates"] if one["passed"] is False]
    assert (held["name"], held["needed"], held["found"]) == gate
    assert why["advice"][0]["command"]
    run_pass(pool)
    assert api.get(f"tasks/{task.pk}").json()["waiting"]["code"] == code, "a pass says the same"


def test_a_task_behind_others_says_how_many(api, pool):
    an_attempt(a_task(pool), an_agent(), state="running")
    tasks = a_tasks(pool, 3)
    why = api.get(f"tasks/{tasks[2].pk}/waiting").json()
    assert why["code"] == "slots_full"
    [queue] = [one for one in why["gates"] if one["name"] == "queue"]
    assert queue["found"] == "2 tasks are older or have more priority"
    assert why["candidates"][0]["since"] is not None


def test_a_retry_waits_for_its_delay_and_says_until_when(api, pool):
    an_agent()
    task = a_task(pool, run_after=NOON + seconds(30))
    why = api.get(f"tasks/{task.pk}/waiting").json()
    [gate] = [one for one in why["gates"] if one["passed"] is False]
    assert (why["code"], gate["name"]) == ("retry_backoff", "backoff")
    assert gate["until"] == "2026-11-21T12:00:30Z"


def explain(api, pool, body=None):
    answer = api.post(f"agent-pools/{pool.pk}/explain", body or NOOP)
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_a_dry_run_names_who_would_get_it_and_why_not_each_other(api, pool):
    an_agent("full", slots=0)
    an_agent("gone", observed="offline")
    busy = an_agent("busy", slots=2)
    an_attempt(a_task(pool), busy, state="running")
    an_agent("idle", slots=2)
    found = explain(api, pool)
    assert found["would_get_it"]["agent"] == "idle"
    assert found["would_get_it"]["slot"] == 0
    assert found["code"] is None
    assert {one["agent"]: one["code"] for one in found["candidates"]} == {
        **{"full": "slots_full", "gone": "no_agent_online"},
        **{"busy": "not_chosen", "idle": "chosen"},
    }


@pytest.mark.parametrize("strategy", ["round_robin", "least_busy", "random", "label_match"])
def test_a_dry_run_says_what_the_next_pass_does(api, pool, strategy):
    agents = [an_agent(slots=2, labels={f"l{n}": "x"}) for n in range(4)]
    pool = a_pool(*agents, strategy=strategy)
    a_tasks(pool, 2, owner=a_user("bob"))
    said = explain(api, pool)["would_get_it"]["agent_id"]
    task = a_task(pool, now=clock.now())
    run_pass(pool)
    task.refresh_from_db()
    assert str(task.agent_id) == said


def test_a_dry_run_counts_the_tasks_that_wait_already(api, pool):
    an_agent(slots=1)
    a_tasks(pool, 2)
    found = explain(api, pool)
    assert found["would_get_it"] is None
    assert found["code"] in {"slots_full", "behind_others"}


def test_a_dry_run_says_when_the_pool_itself_holds(api, pool):
    an_agent()
    api.patch(f"agent-pools/{pool.pk}", {"paused": True, "paused_reason": "disk swap"})
    found = explain(api, pool)
    assert (found["would_get_it"], found["code"]) == (None, "paused")
    assert found["gates"][0]["note"] == "disk swap"


def test_a_dry_run_writes_nothing_and_locks_nothing(api, pool):
    an_agent()
    a_tasks(pool, 2)
    explain(api, pool)
    with CaptureQueriesContext(connection) as queries:
        explain(api, pool)
    words = " ".join(query["sql"].upper() for query in queries)
    assert "FOR NO KEY UPDATE" not in words
    assert "FOR UPDATE" not in words
    assert not any(f"{verb} " in words for verb in ("INSERT", "UPDATE", "DELETE"))


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ([NOOP], ""),
        ({"driver": "x"}, "/driver"),
        ({**NOOP, "priority": 101}, "/priority"),
        ({**NOOP, "project": "nowhere"}, "/project"),
        ({**NOOP, "project": "second"}, "/project"),
    ],
)
def test_a_dry_run_of_no_task_names_what_is_wrong(api, pool, body, pointer):
    a_project("second")
    answer = api.post(f"agent-pools/{pool.pk}/explain", body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer


def test_what_waits_in_a_pool_is_grouped_by_reason(api, pool):
    an_attempt(a_task(pool), an_agent(), state="running")
    full = a_tasks(pool, 3)
    picky = a_task(pool, requirement=a_requirement(pool, labels={"gpu": "yes"}))
    later = a_task(pool, run_after=NOON + seconds(30))
    path = f"agent-pools/{pool.pk}/waiting"

    before = api.get(path).json()
    run_pass(pool)
    after = api.get(path).json()

    assert before == after, "who asks before the first pass is told the same"
    assert after["waiting"] == 5
    groups = {one["code"]: one for one in after["groups"]}
    assert {code: one["count"] for code, one in groups.items()} == {
        **{"slots_full": 3, "labels_missing": 1, "retry_backoff": 1}
    }
    assert groups["slots_full"]["sample_task_ids"] == [str(task.pk) for task in full]
    assert groups["labels_missing"]["sample_task_ids"] == [str(picky.pk)]
    assert groups["retry_backoff"]["sample_task_ids"] == [str(later.pk)]
    assert groups["slots_full"]["oldest_since"] == "2026-11-21T12:00:00Z"
    api.patch(f"agent-pools/{pool.pk}", {"paused": True})
    assert [one["code"] for one in api.get(path).json()["groups"]] == ["paused"]


def test_the_last_decisions_of_a_pool_say_what_went_where_and_what_was_left(api, pool):
    agent = an_agent("one")
    first, _ = a_tasks(pool, 2)
    run_pass(pool, NOON)
    run_pass(pool, NOON + seconds(2))
    [decision] = api.get(f"agent-pools/{pool.pk}/dispatches").json()["items"]
    assert (decision["at"], decision["placed"]) == ("2026-11-21T12:00:00Z", 1)
    [assigned] = decision["assignments"]
    assert assigned == {
        **{"task_id": str(first.pk), "task": "", "agent_id": str(agent.pk)},
        **{"agent": "one", "slot": 0},
    }
    [left] = decision["left"]
    assert (left["code"], left["requirements"]) == ("slots_full", 1)


def test_only_the_newest_decisions_of_each_pool_are_kept(api, pool):
    other = a_pool(name="other-pool")
    for row in (pool, other):
        for number in range(5):
            Decision.objects.create(
                pool=row, at=NOON + timedelta(seconds=number), placed=number, assignments=[],
                left={},
            )  # fmt: skip
    assert decisions.forget_old(kept=3) == 4
    items = api.get(f"agent-pools/{pool.pk}/dispatches").json()["items"]
    assert [one["placed"] for one in items] == [4, 3, 2]


def test_another_projects_pool_explains_nothing_to_a_stranger(stranger, pool):
    path = f"agent-pools/{pool.pk}"
    assert stranger.post(f"{path}/explain", NOOP).status_code == 404
    assert stranger.get(f"{path}/waiting").status_code == 404
    assert stranger.get(f"{path}/dispatches").status_code == 404


def test_a_shared_pool_shows_each_project_its_own_tasks_only(api, stranger, pool):
    an_agent()
    other = a_project("other")
    api.patch(f"agent-pools/{pool.pk}", {"shared_with": ["other"]})
    a_tasks(pool, 2)
    own = a_task(pool, project=other, owner=a_user("bob"))
    run_pass(pool)
    path = f"agent-pools/{pool.pk}"
    assert stranger.get(f"{path}/waiting").json()["waiting"] == 1
    [decision] = stranger.get(f"{path}/dispatches").json()["items"]
    assert {one["task_id"] for one in decision["assignments"]} <= {str(own.pk)}
    assert explain(stranger, pool, {**NOOP, "project": "other"})["pool"] == "default"
