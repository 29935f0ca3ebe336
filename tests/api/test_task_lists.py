from datetime import timedelta

import pytest

from executors.models import Task
from tests.api.conftest import Api, token_of
from tests.builders import (
    NOON,
    a_member,
    a_pool,
    a_project,
    a_requirement,
    a_running_attempt,
    a_task,
    a_tasks,
    a_user,
    an_agent,
    an_attempt,
)


def test_a_list_of_tasks_is_paged_by_key_and_complete(api, pool):
    tasks = [str(task.pk) for task in a_tasks(pool, 7)]
    seen, path = [], "tasks?limit=3"
    for _ in range(3):
        page = api.get(path)
        seen += [task["id"] for task in page.json()["items"]]
        path = f"tasks?limit=3&cursor={page.json()['next']}"
    assert page.json()["next"] is None
    assert seen == sorted(tasks, reverse=True)
    assert "Link" not in page.headers


def test_filters_choose_tasks(api, pool, now):
    other = a_pool(name="other")
    waiting = a_task(pool, name="build", labels={"team": "red", "batch": "7"})
    a_task(pool, requirement=a_requirement(pool, labels={"team": "red"}))
    done = a_task(pool, state="completed", ended_at=now)
    late = a_task(other, now=now + timedelta(hours=1))

    def ids(query):
        return {task["id"] for task in api.get(f"tasks?{query}").json()["items"]}

    assert ids("state=completed,failed") == {str(done.pk)}
    assert ids("name=build") == {str(waiting.pk)}
    assert ids("label=team%3Dred") == {str(waiting.pk)}
    assert ids("label=team%3Dred&label=batch%3D7") == {str(waiting.pk)}
    assert ids("label=team%3Dred&label=batch%3D8") == set()
    assert ids("pool=other") == ids(f"pool={other.pk}") == {str(late.pk)}
    assert ids("created_after=2026-11-21T12:30:00Z") == {str(late.pk)}
    assert ids("project=nothing") == set()


def test_tasks_are_found_by_who_submitted_them_and_by_who_runs_them(api, pool, now):
    agent = an_agent("web-1")
    own = a_task(pool)
    others = a_task(pool, owner=a_user("bob"))
    running = a_running_attempt(pool, agent, now=now, owner=a_user("carol")).task

    def ids(query):
        return {task["id"] for task in api.get(f"tasks?{query}").json()["items"]}

    assert ids("owner=me") == ids("owner=alice") == {str(own.pk)}
    assert ids(f"owner={others.owner_id}") == ids("owner=bob") == {str(others.pk)}
    assert ids("owner=nobody") == set()
    assert ids("agent=web-1") == ids(f"agent={agent.pk}") == {str(running.pk)}


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("limit=0", "?limit"),
        ("limit=201", "?limit"),
        ("limit=x", "?limit"),
        ("cursor=x", "?cursor"),
        ("cursor=WyJhIl0", "?cursor"),
        ("state=done", "?state"),
        ("created_after=yesterday", "?created_after"),
        ("label=x", "?label/0"),
        ("spec__argv=x", "?spec__argv"),
        ("ordering=id", "?ordering"),
        ("format=xml", "?format"),
        ("name=%00", "?name"),
        ("owner=%00", "?owner"),
        ("parent=x", "?parent"),
    ],
)
def test_a_query_that_is_not_understood_is_refused_by_name(api, query, pointer):
    answer = api.get(f"tasks?{query}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer


def test_a_list_costs_the_same_for_many_tasks_as_for_few(api, pool, django_assert_num_queries):
    a_tasks(pool, 2)
    api.get("tasks")
    with django_assert_num_queries(1):
        assert len(api.get("tasks").json()["items"]) == 2
    a_tasks(pool, 60)
    with django_assert_num_queries(1):
        assert len(api.get("tasks?limit=200").json()["items"]) == 62


def test_a_total_is_told_to_who_asks_for_it_of_the_whole_list_that_passes(api, pool):
    a_tasks(pool, 5)
    a_tasks(pool, 3, state="failed", ended_at=NOON)
    assert "count" not in api.get("tasks").json()
    first = api.get("tasks?count=exact&limit=2&state=pending").json()
    assert (len(first["items"]), first["count"]) == (2, {"value": 5, "exact": True})
    second = api.get(f"tasks?count=exact&limit=2&state=pending&cursor={first['next']}").json()
    assert second["count"] == first["count"]
    agent = an_agent("busy", slots=1)
    an_attempt(a_task(pool, agent=agent), agent, state="running")
    for path in ("agents?status=busy", f"agents/{agent.pk}/tasks?", "attempts?", "agent-pools?"):
        assert api.get(f"{path}&count=exact").json()["count"] == {"value": 1, "exact": True}, path
    foreign = Api(token_of(a_member("oto", "viewer", project=a_project("elsewhere"))))
    assert foreign.get("tasks?count=exact").json()["count"] == {"value": 0, "exact": True}


def test_a_total_beyond_what_is_counted_is_not_exact(api, pool):
    a_tasks(pool, 10_001)
    assert api.get("tasks?count=exact").json()["count"] == {"value": 10_000, "exact": False}
    Task.objects.filter(pk=Task.objects.values("pk")[:1]).delete()
    assert api.get("tasks?count=exact").json()["count"] == {"value": 10_000, "exact": True}


@pytest.mark.parametrize("path", ["tasks?count=1", "tasks?count=", "agents?count=all"])
def test_another_way_to_count_is_refused(api, pool, path):
    answer = api.get(path)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "?count"
