"""What holds for every list and object: order, fields, and asking again for nothing new."""

import pytest
from django.urls import resolve
from rest_framework.views import APIView

from agents.models import Agent
from k8s4r.api import reference
from k8s4r.api.operations import field_names, operation_of
from k8s4r.api.views import View
from tests.api.places import RECIPES, a_place
from tests.api.test_callers import views
from tests.builders import a_pool, a_task, a_tasks, an_agent, an_attempt

# What everybody may read is no object and no list, and brings its own ETag.
OPEN = (reference.IndexView, reference.DocumentView, reference.PageView)
SORTED = [
    ("agents", "name"),
    ("agents", "created_at"),
    ("agents", "changed_at"),
    ("agent-pools", "name"),
    ("agent-pools", "created_at"),
    ("projects", "name"),
    ("tasks", "submitted_at"),
    ("attempts", "assigned_at"),
    ("audit", "id"),
    ("tokens", "created_at"),
]


@pytest.fixture
def many(api, pool, now):
    for name in ("c", "a", "b"):
        an_agent(name)
        a_pool(name=f"pool-{name}")
        api.post("projects", {"name": f"project-{name}"})
    runner = an_agent("runner", slots=3)
    for task in a_tasks(pool, 3):
        an_attempt(task, runner)
        api.post("tokens", {"label": "one more"})


def paged(api, path):
    items, cursor = [], ""
    while cursor is not None:
        page = api.get(path + (f"&cursor={cursor}" if cursor else "")).json()
        items += page["items"]
        cursor = page["next"]
    return items


@pytest.mark.parametrize(("path", "word"), SORTED)
def test_a_list_comes_in_the_order_that_was_asked_for_over_all_pages(api, many, path, word):
    up = paged(api, f"{path}?sort={word}&limit=2")
    down = paged(api, f"{path}?sort=-{word}&limit=2")
    assert len(up) >= 3
    assert [one[word] for one in up] == sorted(one[word] for one in up)
    assert [one["id"] for one in down] == [one["id"] for one in up][::-1]


@pytest.mark.parametrize("sort", ["spec", "-owner", "name__project", "id desc", "--name", "-"])
def test_another_order_is_refused_with_those_there_are(api, many, sort):
    answer = api.get(f"agents?sort={sort}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "?sort"
    assert "created_at" in answer.json()["detail"]


def test_a_cursor_belongs_to_its_order(api, many):
    cursor = api.get("agents?sort=name&limit=1").json()["next"]
    for other in ("sort=-name&", "sort=created_at&", ""):
        answer = api.get(f"agents?{other}limit=1&cursor={cursor}")
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == "?cursor"


def test_only_the_fields_that_were_asked_for_come(api, many):
    listed = api.get("agents?fields=name,status&limit=2").json()
    assert listed["items"] == [
        {"name": "a", "status": "online"},
        {"name": "b", "status": "online"},
    ]
    assert listed["next"]
    agent = Agent.objects.get(name="a")
    assert api.get(f"agents/{agent.pk}?fields=id").json() == {"id": str(agent.pk)}


@pytest.mark.parametrize("fields", ["digest", "name,__class__", "", "name,"])
def test_a_field_that_is_not_there_is_refused_with_those_there_are(api, many, fields):
    answer = api.get(f"agents?fields={fields}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "?fields"
    assert "last_heartbeat_at" in answer.json()["detail"]


EMPTY = ["agents", "attempts", "audit?cause=nothing", "enrolment-tokens", "notification-targets",
         "notifications", "tasks"]  # fmt: skip


@pytest.mark.parametrize("fields", ["digest", ""])
@pytest.mark.parametrize("path", EMPTY)
def test_an_empty_list_refuses_a_field_that_is_not_there_as_well(api, pool, path, fields):
    assert api.get(path).json()["items"] == []
    mark = "&" if "?" in path else "?"
    answer = api.get(f"{path}{mark}fields={fields}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "?fields"
    assert api.get(f"{path}{mark}fields=id").json()["items"] == []


@pytest.mark.parametrize(
    ("place", "fields"), [("agents/{}", "x"), ("agents/{}", ""), ("agents/{}/status", "name,")]
)
def test_an_object_refuses_a_field_that_is_not_there(api, place, fields):
    path = place.format(an_agent("one").pk)
    answer = api.get(f"{path}?fields={fields}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "?fields"
    assert (
        "observed_at" in answer.json()["detail"] or "last_heartbeat_at" in answer.json()["detail"]
    )


@pytest.mark.parametrize("call", sorted(call for call in RECIPES if call[0] == "GET"))
def test_every_field_that_a_call_declares_can_be_asked_for(api, call):
    path, _ = RECIPES[call](a_place("here"))
    names = field_names(operation_of(resolve(f"/api/v1/{path}").func.cls, "GET"))
    answer = api.get(f"{path}?fields={','.join(names)}")
    assert answer.status_code == 200
    assert answer.json() == api.get(path).json()


@pytest.mark.parametrize("view", [each for each in views() if each.values[0] not in OPEN])
def test_the_fields_of_every_answer_are_known(view: type[APIView]):
    said = operation_of(view, "GET")
    assert said is None or field_names(said)


def test_an_export_is_whole(api, pool):
    answer = api.get("audit?format=jsonl&fields=id")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "?fields"


@pytest.mark.parametrize("path", ["agents", "agent-pools", "projects", "tasks", "attempts"])
def test_what_has_not_changed_is_not_sent_again(api, many, path):
    first = api.get(path)
    assert first.headers["Cache-Control"] == "private, no-cache"
    again = api.get(path, **{"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]


def test_what_has_changed_is_sent(api, many):
    agent = Agent.objects.get(name="a")
    tag = api.get(f"agents/{agent.pk}").headers["ETag"]
    api.patch(f"agents/{agent.pk}", {"description": "new"})
    answer = api.get(f"agents/{agent.pk}", **{"If-None-Match": tag})
    assert answer.status_code == 200
    assert answer.json()["description"] == "new"
    assert answer.headers["ETag"] != tag


def test_a_secret_is_never_kept(api, many):
    answer = api.post("tokens", {})
    assert answer.headers["Cache-Control"] == "no-store"
    assert "ETag" not in answer.headers


@pytest.mark.parametrize("path", ["about", "agents/{id}", "agents/{id}/status"])
def test_a_parameter_that_an_object_does_not_have_is_refused_by_name(api, path):
    answer = api.get(f"{path.format(id=an_agent('one').pk)}?field=id")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "?field"


def test_attempts_are_found_by_task_agent_and_state(api, pool):
    one, two = an_agent("one"), an_agent("two")
    first = an_attempt(a_task(pool), one)
    second = an_attempt(a_task(pool), two, state="running")
    assert [each["id"] for each in api.get("attempts").json()["items"]] == [
        str(second.pk),
        str(first.pk),
    ]
    for query, expected in (
        (f"task={first.task_id}", first),
        (f"agent={two.pk}", second),
        ("state=running,stopping", second),
    ):
        (found,) = api.get(f"attempts?{query}").json()["items"]
        assert found["id"] == str(expected.pk)
    assert api.get(f"attempts/{first.pk}").json()["number"] == 1


@pytest.mark.parametrize("query", ["task=x", "agent=*", "state=king", "state=running,", "owner=x"])
def test_a_wrong_filter_of_attempts_is_refused_by_name(api, pool, query):
    answer = api.get(f"attempts?{query}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == f"?{query.split('=')[0]}"


@pytest.mark.parametrize("view", [each for each in views() if each.values[0] not in OPEN])
def test_every_view_has_the_conventions(view: type[APIView]):
    assert issubclass(view, View)


THINGS = {
    "agents": {"description": "mine"},
    "agent-pools": {"max_concurrent": 7},
    "projects": {"weight": 7.0},
}


@pytest.fixture(params=THINGS)
def known(request, api, many):
    """Return the path of a thing, its ETag, and a change of it."""
    kind = request.param
    path = f"{kind}/{api.get(kind).json()['items'][0]['id']}"
    return path, api.get(path).headers["ETag"], THINGS[kind]


def test_who_knows_the_present_settings_changes_them(api, known):
    path, tag, change = known
    answer = api.patch(path, change, If_Match=tag)
    assert answer.status_code == 200
    assert api.patch(path, change, If_Match=answer.headers["ETag"]).status_code == 200
    assert api.patch(path, change, If_Match="*").status_code == 200


def test_who_knows_older_settings_changes_nothing_and_is_told(api, known):
    path, tag, change = known
    api.patch(path, {"description": "somebody else's"})
    for answer in (
        api.patch(path, change, If_Match=tag),
        api.patch(path, change, If_Match='"x", W/"y"'),
    ):
        assert answer.status_code == 412
        assert answer.json()["code"] == "precondition_failed"
    assert api.get(path).json()["description"] == "somebody else's"
    assert not (change.items() <= api.get(path).json().items())


@pytest.mark.parametrize("kind", ["agents", "agent-pools"])
def test_nothing_is_ended_that_is_another_by_now(api, many, kind):
    path = f"{kind}/{api.get(kind).json()['items'][-1]['id']}"
    tag = api.get(path).headers["ETag"]
    api.patch(path, {"description": "still needed"})
    assert api.delete(path, If_Match=tag).status_code == 412
    assert api.delete(path, If_Match=api.get(path).headers["ETag"]).status_code == 204


def test_a_heartbeat_spoils_nobodys_change(api, many):
    agent = Agent.objects.get(name="a")
    tag = api.get(f"agents/{agent.pk}").headers["ETag"]
    Agent.objects.filter(pk=agent.pk).update(observed="offline")
    assert api.get(f"agents/{agent.pk}").headers["ETag"] != tag
    assert api.patch(f"agents/{agent.pk}", {"description": "x"}, If_Match=tag).status_code == 200


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("tokens", "user"),
        ("agent-pools", "name"),
        ("agent-pools", "project"),
        ("audit", "project"),
        ("agents", "name"),
        ("tasks", "owner"),
    ],
)
def test_a_text_that_no_column_can_hold_is_refused_by_its_name(api, path, name):
    answer = api.get(f"{path}?{name}=a%00b")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == f"?{name}"
