"""The list of agents: what it shows, what it costs, and how it is filtered."""

import pytest

from agents.core.states import STATUS_WORDS, Desired, Observed
from agents.models import Agent
from executors.core.lifecycle import AttemptState
from tests.api.conftest import Api, token_of
from tests.builders import NOON, a_member, a_pool, a_project, a_task, an_agent, an_attempt


def test_the_list_shows_one_word_of_status_for_each_agent(api, pool):
    an_agent("idle", slots=2)
    busy = an_agent("busy", slots=1)
    an_attempt(a_task(pool), busy, state=AttemptState.RUNNING)
    an_agent("away", observed="offline")
    an_agent("out", desired="revoked")
    items = api.get("agents").json()["items"]
    assert {item["name"]: item["status"] for item in items} == {
        "idle": "online",
        "busy": "busy",
        "away": "offline",
        "out": "revoked",
    }
    assert [item["name"] for item in items] == ["away", "busy", "idle", "out"]
    assert {i["name"]: i["slots"] for i in items}["idle"] == {"total": 2, "idle": 2}


def test_a_list_of_agents_costs_the_same_for_many_as_for_few(api, django_assert_num_queries):
    an_agent()
    api.get("agents")
    with django_assert_num_queries(8):
        api.get("agents")
    for _ in range(20):
        an_agent()
    with django_assert_num_queries(8):
        assert len(api.get("agents").json()["items"]) == 21


def test_agents_are_paged_by_name(api):
    for name in ("c", "a", "b"):
        an_agent(name)
    first = api.get("agents?limit=2").json()
    second = api.get(f"agents?limit=2&cursor={first['next']}").json()
    names = [item["name"] for item in first["items"] + second["items"]]
    assert names == ["a", "b", "c"]
    assert second["next"] is None


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("label=gpu%3Dyes", ["a"]),
        ("observed=offline", ["b"]),
        ("desired=active", ["a", "b"]),
        ("name=b", ["b"]),
        ("agent_type=robot", []),
        ("project=default", ["a", "b"]),
    ],
)
def test_filters_choose_agents(api, query, names):
    an_agent("a", labels={"gpu": "yes"})
    an_agent("b", observed="offline")
    assert [item["name"] for item in api.get(f"agents?{query}").json()["items"]] == names


@pytest.mark.parametrize("word", STATUS_WORDS)
def test_the_filter_by_status_chooses_those_that_show_the_word(api, pool, word):
    for desired in Desired:
        for observed in Observed:
            for used in (0, 1):
                name = f"{desired}-{observed}-{used}"
                agent = an_agent(name, desired=desired, observed=observed)
                if used:
                    an_attempt(a_task(pool), agent, state=AttemptState.RUNNING)
    an_agent("without-slots", slots=0)
    everything = api.get("agents?limit=200").json()["items"]
    wanted = {item["name"] for item in everything if item["status"] == word}
    chosen = api.get(f"agents?limit=200&status={word}").json()["items"]
    assert {item["name"] for item in chosen} == wanted
    assert wanted
    both = api.get(f"agents?limit=200&status={word},busy").json()["items"]
    assert {item["name"] for item in both} == {
        item["name"] for item in everything if item["status"] in {word, "busy"}
    }


def names_in(api, pool):
    return [item["name"] for item in api.get(f"agents?pool={pool}").json()["items"]]


def test_the_filter_by_pool_knows_listed_members_and_labels(api, django_assert_num_queries):
    listed, both = an_agent("a"), an_agent("c")
    an_agent("b", labels={"gpu": "1"})
    Agent.objects.filter(pk=both.pk).update(labels={"gpu": "1", "rack": "7"})
    static = a_pool(listed, both, name="listed")
    a_pool(name="gpus", required_labels={"gpu": "1"})
    a_pool(name="racks", required_labels={"gpu": "1", "rack": "7"})
    a_pool(name="everything")
    a_pool(name="gone", archived_at=NOON)
    foreign = a_project("foreign")
    an_agent("d", project=foreign, labels={"gpu": "1"})
    a_pool(name="gpus", project=foreign, required_labels={"gpu": "1"})
    assert names_in(api, "listed") == names_in(api, static.pk) == ["a", "c"]
    assert names_in(api, "gpus") == ["b", "c", "d"]
    assert names_in(api, "racks") == ["c"]
    assert names_in(api, "everything") == ["a", "b", "c"]
    assert names_in(api, "gone") == names_in(api, "nowhere") == []
    with django_assert_num_queries(8):
        assert names_in(api, "gpus&status=online") == ["b", "c", "d"]
    viewer = Api(token_of(a_member("vera", "viewer", project=a_project())))
    assert names_in(viewer, "gpus") == ["b", "c"]
    outsider = Api(token_of(a_member("oto", "viewer", project=foreign)))
    assert names_in(outsider, static.pk) == names_in(outsider, "listed") == []


@pytest.mark.parametrize(
    "query",
    [
        "status=x",
        "status=",
        "status=busy,x",
        "pool=a%00",
        "observed=x",
        "desired=x",
        "agent_type=x",
        "label=x",
        "x=y",
    ],
)
def test_a_filter_that_is_not_understood_is_refused(api, query):
    assert api.get(f"agents?{query}").status_code == 422
