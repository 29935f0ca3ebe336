import pytest

from k8s4r import clock
from k8s4r.access.models import Project, Token
from k8s4r.api import authentication
from pools.models import Membership, Pool
from tests.builders import a_pool, a_project, an_agent


def test_a_pool_is_made_with_safe_defaults(api):
    answer = api.post("agent-pools", {"name": "fast", "max_concurrent": 5})
    pool = answer.json()
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/api/v1/agent-pools/{pool['id']}"
    assert pool["pool_type"] == "dynamic"
    assert pool["selection_strategy"] == "least_busy"
    assert pool["max_concurrent"] == 5
    assert pool["max_per_owner"] is None
    assert api.get(f"agent-pools/{pool['id']}").json() == pool


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"name": "Not A Slug"}, "/name"),
        ({"name": "a" * 64}, "/name"),
        ({"pool_type": "x"}, "/pool_type"),
        ({"selection_strategy": "x"}, "/selection_strategy"),
        ({"max_concurrent": 0}, "/max_concurrent"),
        ({"required_labels": {"a": "b c"}}, "/required_labels/a"),
        ({"cursor": None}, "/cursor"),
        ({"passes": 1}, "/passes"),
        ({"project": "nowhere"}, "/project"),
    ],
)
def test_a_broken_rule_is_named_and_no_pool_is_made(api, change, pointer):
    answer = api.post("agent-pools", {"name": "x", **change})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert Pool.objects.count() == 1


def test_a_pools_name_is_there_once_in_its_project(api):
    assert api.post("agent-pools", {"name": "default"}).status_code == 409
    a_project("second")
    assert api.post("agent-pools", {"name": "default", "project": "second"}).status_code == 201


def test_put_replaces_and_patch_changes_a_pool(api):
    pool = a_pool(name="x", max_concurrent=3, strategy="random")
    patched = api.patch(f"agent-pools/{pool.pk}", {"paused": True}).json()
    assert (patched["paused"], patched["selection_strategy"], patched["max_concurrent"]) == (
        True,
        "random",
        3,
    )
    put = api.put(f"agent-pools/{pool.pk}", {"name": "y"}).json()
    assert (put["name"], put["paused"], put["max_concurrent"]) == ("y", False, None)
    assert api.patch(f"agent-pools/{pool.pk}", {"name": "default"}).status_code == 409


def test_the_default_pool_keeps_its_name_and_takes_every_agent(api, pool):
    path = f"agent-pools/{pool.pk}"
    assert api.delete(path).status_code == 409
    assert api.patch(path, {"name": "other"}).status_code == 409
    assert api.patch(path, {"required_labels": {"a": "b"}}).status_code == 409
    assert api.patch(path, {"pool_type": "static"}).status_code == 409
    assert api.patch(path, {"max_concurrent": 9}).json()["max_concurrent"] == 9


def test_a_pool_that_ended_is_gone_from_every_list(api):
    pool = a_pool(name="x")
    assert api.delete(f"agent-pools/{pool.pk}").status_code == 204
    assert api.get(f"agent-pools/{pool.pk}").status_code == 404
    assert api.delete(f"agent-pools/{pool.pk}").status_code == 404
    assert [item["name"] for item in api.get("agent-pools").json()["items"]] == ["default"]


def test_agents_are_listed_in_a_static_pool_and_taken_off_again(api):
    one, two = an_agent("one"), an_agent("two")
    pool = a_pool(name="x", type="static")
    path = f"agent-pools/{pool.pk}/agents"
    assert api.post(path, {"agent_id": str(one.pk)}).status_code == 200
    assert api.post(path, {"agent_ids": [str(one.pk), str(two.pk)]}).status_code == 200
    assert [item["name"] for item in api.get(path).json()["items"]] == ["one", "two"]
    assert api.delete(f"{path}/{one.pk}").status_code == 204
    assert api.delete(f"{path}/{one.pk}").status_code == 404
    assert [item["name"] for item in api.get(path).json()["items"]] == ["two"]


def test_an_agent_of_another_project_is_not_listed_and_nothing_else_is(api):
    one = an_agent("one")
    foreign = an_agent("foreign", project=a_project("second"))
    pool = a_pool(name="x", type="static")
    answer = api.post(
        f"agent-pools/{pool.pk}/agents", {"agent_ids": [str(one.pk), str(foreign.pk)]}
    )
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/agent_ids/1"
    assert not Membership.objects.exists()


def test_a_dynamic_pool_finds_its_members_by_labels(api):
    an_agent("plain")
    an_agent("gpu", labels={"gpu": "yes"})
    pool = a_pool(name="x", required_labels={"gpu": "yes"})
    path = f"agent-pools/{pool.pk}/agents"
    assert [item["name"] for item in api.get(path).json()["items"]] == ["gpu"]
    assert api.post(path, {"agent_id": str(an_agent().pk)}).status_code == 409
    assert api.post(path, {}).status_code == 422


def test_a_pool_is_found_by_its_name_in_every_project(api):
    for project in (a_project(), a_project("second")):
        a_pool(name="gpus", project=project)
        a_pool(name="other", project=project)
    found = api.get("agent-pools?name=gpus").json()["items"]
    assert [(one["name"], one["project"]) for one in found] == [
        ("gpus", "default"),
        ("gpus", "second"),
    ]
    assert len(api.get("agent-pools?name=gpus&project=second").json()["items"]) == 1
    assert api.get("agent-pools?name=nowhere").json()["items"] == []


def test_a_list_of_pools_costs_three_queries(api, django_assert_num_queries):
    for number in range(5):
        a_pool(name=f"p{number}")
    api.get("agent-pools")
    with django_assert_num_queries(3):  # pools, who is listed, the time
        assert len(api.get("agent-pools").json()["items"]) == 6


def test_another_projects_pools_do_not_exist_for_a_stranger(stranger, pool):
    agent = an_agent()
    path = f"agent-pools/{pool.pk}"
    assert [i["project"] for i in stranger.get("agent-pools").json()["items"]] == ["other"]
    assert stranger.get(path).status_code == 404
    assert stranger.get(f"{path}/agents").status_code == 404
    assert stranger.patch(path, {"paused": True}).status_code == 404
    assert stranger.put(path, {"name": "default"}).status_code == 404
    assert stranger.delete(path).status_code == 404
    assert stranger.post(f"{path}/agents", {"agent_id": str(agent.pk)}).status_code == 404
    assert stranger.post("agent-pools", {"name": "mine"}).status_code == 422
    assert not Pool.objects.get(pk=pool.pk).paused


def test_a_project_comes_with_its_default_pool(api):
    answer = api.post("projects", {"name": "new"})
    project = answer.json()
    pool = Pool.objects.get(project_id=project["id"])
    assert answer.status_code == 201
    assert (pool.name, pool.type, pool.required_labels) == ("default", "dynamic", {})
    assert api.get(f"projects/{project['id']}").json() == project
    assert api.post("tasks", {"driver": "noop", "project": "new"}).status_code == 201
    assert api.post("projects", {"name": "new"}).status_code == 409


def test_projects_of_others_do_not_exist_for_a_stranger(stranger, pool):
    names = [item["name"] for item in stranger.get("projects").json()["items"]]
    assert names == ["other"]
    assert stranger.get(f"projects/{pool.project_id}").status_code == 404
    assert stranger.post("projects", {"name": "mine"}).status_code == 403
    assert not Project.objects.filter(name="mine").exists()


def test_an_enrolment_token_is_for_one_agent_and_fifteen_minutes_unless_told_otherwise(api, pool):
    made = api.post("enrolment-tokens", {"pool": "default"}).json()
    row = Token.objects.get(pk=made["id"])
    assert row.max_uses == 1
    assert row.pool_id == pool.pk
    assert (row.expires_at - row.created_at).total_seconds() == 15 * 60
    assert authentication.authenticate(made["token"], now=clock.now()).kind == "enrolment"
    assert made["token"] not in api.get("enrolment-tokens").content.decode()


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"pool": "nowhere"}, "/pool"),
        ({"project": "nowhere"}, "/project"),
        ({"max_uses": 0}, "/max_uses"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "/expires_at"),
        ({"expires_at": "2999-01-01T00:00:00"}, "/expires_at"),
        ({"uses": 5}, "/uses"),
        ({"label_keys": ["zone", "*", "a b"]}, "/label_keys/2"),
    ],
)
def test_an_enrolment_token_that_breaks_a_rule_is_not_made(api, body, pointer):
    answer = api.post("enrolment-tokens", body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert not Token.objects.filter(kind="enr").exists()


def test_a_revoked_enrolment_token_lets_nobody_in(api, stranger):
    made = api.post("enrolment-tokens", {"max_uses": None, "expires_at": None}).json()
    assert stranger.delete(f"enrolment-tokens/{made['id']}").status_code == 404
    assert authentication.authenticate(made["token"], now=clock.now()) is not None
    assert api.delete(f"enrolment-tokens/{made['id']}").status_code == 204
    assert Token.objects.get(pk=made["id"]).revoked_at is not None
