"""A token is good for what its owner may do, as far as its scopes and its project reach."""

import pytest

from executors.models import Task
from k8s4r.access.models import Token
from tests.api.conftest import Api, token_of
from tests.builders import a_member, a_pool, a_project, a_user

WORK = {"spec": {"argv": ["true"]}}


@pytest.fixture
def owner(pool):
    return Api(token_of(a_member("olga", "operator", project=pool.project)))


def made(api, **body):
    answer = api.post("tokens", body)
    assert answer.status_code == 201, answer.content
    return Api(answer.json()["token"])


def test_a_token_for_reading_only_reads(owner):
    reader = made(owner, scopes=["tasks.read"])
    assert reader.get("tasks").status_code == 200
    answer = reader.post("tasks", WORK)
    assert answer.status_code == 403
    assert "tasks.write" in answer.json()["detail"]
    assert reader.get("agents").status_code == 403
    assert not Task.objects.exists()


def test_a_scope_gives_nothing_that_the_owner_may_not_do(owner):
    grand = made(owner, scopes=["fleet.write", "audit.read"])
    assert grand.post("agents", {"name": "x"}).status_code == 403
    assert grand.get("about").json()["permissions"] == {"default": []}


def test_a_token_for_one_project_reaches_no_other(pool):
    a_pool(name="default", project=a_project("red"))
    owner = Api(token_of(a_member("olga", "operator")))
    red = made(owner, project="red")
    assert owner.post("tasks", WORK).status_code == 201
    assert red.post("tasks", WORK).status_code == 422
    assert red.post("tasks", {**WORK, "project": "red"}).status_code == 201
    assert len(red.get("tasks").json()["items"]) == 1


def test_a_token_with_scopes_looks_after_no_others_unless_it_says_so(owner):
    reader = made(owner, scopes=["tasks.read"])
    own = Token.objects.filter(user__username="olga").first()
    assert reader.get("tokens").status_code == 403
    assert reader.post("tokens", {}).status_code == 403
    assert reader.delete(f"tokens/{own.pk}").status_code == 403
    assert Token.objects.get(pk=own.pk).revoked_at is None


@pytest.mark.parametrize("scopes", [[], ["tasks.read", "tokens.write", "tasks.write"]])
def test_a_token_makes_none_that_reaches_further_than_itself(owner, scopes):
    maker = made(owner, scopes=["tasks.read", "tokens.write"])
    answer = maker.post("tokens", {"scopes": scopes})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/scopes"
    assert "tasks.write" in answer.json()["detail"]
    assert made(maker, scopes=["tasks.read"]).get("tasks").status_code == 200


def test_an_unknown_scope_is_refused_by_name(owner):
    answer = owner.post("tokens", {"scopes": ["tasks.read", "root"]})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/scopes/1"


def test_who_looks_after_tokens_everywhere_ends_those_of_others(owner, pool):
    theirs = Token.objects.get(user__username="olga")
    keeper = Api(token_of(a_member("kim", "security_admin")))
    listed = keeper.get("tokens?user=olga").json()["items"]
    assert [one["id"] for one in listed] == [str(theirs.pk)]
    assert keeper.delete(f"tokens/{theirs.pk}").status_code == 204
    assert owner.get("tasks").status_code == 401


def test_a_person_who_lost_every_role_keeps_nothing_of_it(owner, pool):
    assert owner.get("tasks").status_code == 200
    user = a_user("olga")
    user.is_active = False
    user.save()
    fresh = Api(token_of(user))
    assert fresh.get("tasks").status_code == 401
