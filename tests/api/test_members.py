"""Roles are given and taken in a project, by those who may, and never one's own."""

import pytest

from k8s4r.access.models import Membership
from k8s4r.core.roles import Role
from tests.api.conftest import Api, token_of
from tests.builders import a_member, a_project, a_user


@pytest.fixture
def project(db):
    return a_project("blue")


@pytest.fixture
def keeper(project):
    return Api(token_of(a_member("kim", Role.SECURITY_ADMIN, project=project)))


def test_a_colleague_gets_to_see_one_project_by_one_call(project, keeper, pool):
    vera = Api(token_of(a_user("vera")))
    assert vera.get("tasks").status_code == 403
    answer = keeper.post(f"projects/{project.pk}/members", {"user": "vera", "roles": ["viewer"]})
    assert answer.status_code == 201
    assert answer.json()["roles"] == ["viewer"]
    later = Api(token_of(a_user("vera")))
    assert later.get("tasks").json()["items"] == []
    assert [each["name"] for each in later.get("projects").json()["items"]] == ["blue"]


def test_giving_twice_is_a_success_and_gives_once(project, keeper):
    a_user("vera")
    for roles in (["viewer"], ["viewer", "operator"]):
        answer = keeper.post(f"projects/{project.pk}/members", {"user": "vera", "roles": roles})
        assert answer.status_code == 201
    assert answer.json()["roles"] == ["operator", "viewer"]
    assert Membership.objects.filter(user__username="vera").count() == 2


def test_taking_takes_all_roles_here_and_none_elsewhere(project, keeper):
    a_member("vera", "viewer", "operator", project=project)
    a_member("vera", "viewer", project=a_project("red"))
    assert keeper.delete(f"projects/{project.pk}/members/vera").status_code == 204
    (left,) = Membership.objects.filter(user__username="vera")
    assert left.project.name == "red"
    assert keeper.delete(f"projects/{project.pk}/members/vera").status_code == 404


def test_a_name_that_no_column_can_hold_is_nobodys(project, keeper):
    answer = keeper.delete(f"projects/{project.pk}/members/a%00b")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_nobody_changes_their_own_roles(project, keeper):
    mine = {"user": "kim", "roles": ["operator"]}
    assert keeper.post(f"projects/{project.pk}/members", mine).status_code == 403
    assert keeper.delete(f"projects/{project.pk}/members/kim").status_code == 403
    assert [row.role for row in Membership.objects.all()] == ["security_admin"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"user": "ghost", "roles": ["viewer"]}, "/user"),
        ({"user": "vera", "roles": ["king"]}, "/roles/0"),
        ({"user": "vera", "roles": []}, "/roles"),
        ({"user": "vera"}, "/roles"),
        ({"user": "vera", "roles": ["viewer"], "is_superuser": True}, "/is_superuser"),
    ],
)
def test_a_wrong_body_gives_nothing_and_says_what_is_wrong(project, keeper, body, pointer):
    a_user("vera")
    answer = keeper.post(f"projects/{project.pk}/members", body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert Membership.objects.count() == 1


def test_members_are_listed_by_name_with_what_holds_everywhere_apart(project, keeper):
    a_member("amy", "auditor")
    a_member("bob", "viewer", project=project)
    listed = keeper.get(f"projects/{project.pk}/members?limit=2").json()
    assert [(one["user"], one["roles"], one["roles_everywhere"]) for one in listed["items"]] == [
        ("amy", [], ["auditor"]),
        ("bob", ["viewer"], []),
    ]
    path = f"projects/{project.pk}/members?limit=2&cursor={listed['next']}"
    assert [one["user"] for one in keeper.get(path).json()["items"]] == ["kim"]
