"""Who has a second factor is shown, and who lost theirs is helped, by those who may; over REST."""

import pytest

from k8s4r.core.roles import Role
from k8s4r.core.second_factor import Policy
from tests.api.conftest import Api, token_of
from tests.builders import NOON, a_member, a_project, a_user, an_admin
from tests.factors import ENCRYPTION_KEY, with_factor

PATH = "users/ann/second-factor"


@pytest.fixture
def ann(db, settings):
    settings.ENCRYPTION_KEY = ENCRYPTION_KEY
    user = a_user("ann")
    with_factor(user, now=NOON)
    return user


@pytest.fixture
def chief(db):
    return Api(token_of(a_member("chief", Role.SECURITY_ADMIN)))


def test_it_is_shown_without_its_secret(ann, chief):
    answer = chief.get(PATH)
    assert answer.json() == {
        "user": "ann", "user_id": str(ann.pk), "on": True, "since": "2026-11-21T12:00:00Z",
        "recovery_codes_left": 10, "needed": False,
    }  # fmt: skip


def test_of_who_has_none_it_is_told_whether_their_roles_need_one(ann, chief, settings):
    settings.SECOND_FACTOR = Policy.REQUIRED_FOR_ADMINS
    a_member("fay", Role.FLEET_ADMIN, project=a_project())
    told = chief.get("users/fay/second-factor").json()
    assert (told["on"], told["since"], told["needed"]) == (False, None, True)
    assert chief.get(PATH).json()["needed"] is False


def test_reset_it_is_gone_and_the_second_time_not_there(ann, chief):
    assert chief.delete(PATH).status_code == 204
    assert chief.get(PATH).json()["on"] is False
    again = chief.delete(PATH)
    assert (again.status_code, again.json()["detail"]) == (404, "ann has no second factor")


@pytest.mark.parametrize("name", ["nobody", "%00", "an%00n", "x" * 5_000, "%F0%9F%98%80"])
def test_whom_nobody_knows_is_not_there(ann, chief, name):
    for answer in (chief.get(f"users/{name}/second-factor"),
                   chief.delete(f"users/{name}/second-factor")):  # fmt: skip
        assert answer.status_code == 404


@pytest.mark.parametrize("scopes", [["members.read"], ["tokens.write"]])
def test_a_token_reaches_as_far_as_its_scopes(ann, scopes):
    maker = Api(token_of(an_admin("root")))
    token = Api(maker.post("tokens", {"scopes": scopes}).json()["token"])
    assert token.delete(PATH).status_code == 403


def test_nobody_resets_their_own_by_a_token(chief, settings):
    settings.ENCRYPTION_KEY = ENCRYPTION_KEY
    with_factor(a_user("chief"), now=NOON)
    answer = chief.delete("users/chief/second-factor")
    assert (answer.status_code, "nobody resets their own" in answer.json()["detail"]) == (403, True)


def test_tokens_work_on_whatever_is_required(ann, settings):
    settings.SECOND_FACTOR = Policy.REQUIRED
    assert Api(token_of(ann)).get("about").status_code == 200
    assert Api(token_of(an_admin("root"))).get("about").status_code == 200
