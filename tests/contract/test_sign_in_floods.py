"""A flood of bad passwords, codes or links is slowed, and without Redis nobody signs in."""

from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings as django_settings
from django.test import Client

from k8s4r import clock
from k8s4r.access.models import SecondFactor, User
from k8s4r.core import second_factor as rules
from tests.builders import NOON
from tests.factors import ENCRYPTION_KEY, bad_code_of, code_of, with_factor
from tests.floods import FEW, start_afresh
from tests.ports import held_port

PASSWORD = "correct horse battery"
CODE = "/admin/login/code/"

pytestmark = pytest.mark.usefixtures("a_low_limit")


def login(address: str, password: str, name: str = "alice") -> Any:
    form = {"username": name, "password": password, "next": "/admin/"}
    return Client().post("/admin/login/", form, REMOTE_ADDR=address)


@pytest.fixture
def alice(transactional_db: None) -> User:
    user = User.objects.create(username="alice", is_staff=True, is_superuser=True)
    user.set_password(PASSWORD)
    user.save()
    return user


def test_logins_of_one_name_or_address_wait_and_others_do_not(alice: User) -> None:
    other = User.objects.create(username="bob", is_staff=True)
    other.set_password(PASSWORD)
    other.save()
    answers = [login("10.0.0.1", "guess").status_code for _ in range(FEW + 2)]
    assert answers == [200] * FEW + [429] * 2
    slowed = login("10.0.0.2", PASSWORD)
    assert slowed.status_code == 429, "the name waits, from wherever"
    assert int(slowed.headers["Retry-After"]) >= 1
    assert b"Try again in" in slowed.content
    assert login("10.0.0.1", PASSWORD, "bob").status_code == 429, "the address waits, whoever"
    assert login("10.0.0.3", PASSWORD, "bob").status_code == 302


def held(address: str, user: User) -> Client:
    """Return the browser of somebody who gave a good password."""
    browser = Client(REMOTE_ADDR=address)
    form = {"username": user.username, "password": PASSWORD}
    assert browser.post("/admin/login/", form).headers["Location"] == CODE
    return browser


def test_bad_codes_count_as_bad_passwords_do(alice: User, settings: Any) -> None:
    settings.ENCRYPTION_KEY = ENCRYPTION_KEY
    with_factor(alice, now=NOON)
    bad, browsers = bad_code_of(alice), [held("10.0.0.1", alice), held("10.0.0.2", alice)]
    login("10.0.0.3", "guess")
    answers = [browsers[0].post(CODE, {"code": bad}).status_code for _ in range(FEW)]
    assert answers == [200] * (FEW - 1) + [429]
    good = {"code": code_of(alice, now=clock.now())}
    assert browsers[1].post(CODE, good).status_code == 429, "the name waits, from wherever"
    assert login("10.0.0.4", PASSWORD).status_code == 429
    start_afresh(django_settings.REDIS_URL)
    assert browsers[1].post(CODE, good).status_code == 302


def test_without_redis_no_code_is_looked_at(alice: User, settings: Any) -> None:
    settings.ENCRYPTION_KEY = ENCRYPTION_KEY
    with_factor(alice, now=NOON)
    browser = held("10.0.0.1", alice)
    settings.REDIS_URL = f"redis://127.0.0.1:{held_port()}/0"
    answer = browser.post(CODE, {"code": code_of(alice, now=clock.now())})
    assert answer.status_code == 503
    assert SecondFactor.objects.get(user=alice).last_step == rules.step_of(NOON)


def test_without_redis_nobody_logs_in_and_is_told_why(alice: User, away: None) -> None:
    answer = login("10.0.0.1", PASSWORD)
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert b"Redis is away" in answer.content


def test_the_login_page_itself_is_shown_to_everybody(alice: User, away: None) -> None:
    assert Client().get("/admin/login/").status_code == 200


@pytest.mark.django_db
def test_a_flood_of_bad_links_to_sign_in_is_slowed() -> None:
    path = f"/admin/login/link/{uuid4()}/x-y/"
    found = [Client().get(path).status_code for _ in range(FEW + 2)]
    assert found == [302] * FEW + [429] * 2
