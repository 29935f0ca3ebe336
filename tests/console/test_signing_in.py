"""Signing in with a password and a code: nobody is in before both, and each code is good once."""

from datetime import UTC, datetime

import pytest
from django.contrib.sessions.models import Session
from django.test import Client

from k8s4r import clock
from k8s4r.core.second_factor import Policy
from tests.console.signing import CODE, HOME, LOGIN, TASKS, is_in, password, signed_in
from tests.factors import a_person, bad_code_of, code_of

pytestmark = pytest.mark.django_db


def test_without_a_second_factor_the_password_is_enough(olga):
    client, answer = password()
    assert (answer.status_code, answer["Location"]) == (302, HOME)
    assert is_in(client)


def test_after_the_password_nobody_is_signed_in_before_the_code(guarded):
    client, answer = password()
    assert (answer.status_code, answer["Location"]) == (302, CODE)
    assert not is_in(client)
    assert client.get("/api/v1/about").status_code == 401
    assert "recovery codes" in client.get(CODE).content.decode()


def test_a_good_code_signs_in_and_leads_where_the_person_wanted_to_go(guarded):
    client, _ = password(following=TASKS)
    answer = client.post(CODE, {"code": code_of(guarded[0], now=clock.now())})
    assert (answer.status_code, answer["Location"]) == (302, TASKS)
    assert is_in(client)


@pytest.mark.parametrize(
    "path", ["//evil.example.org/", "https://evil.example.org/", "javascript:1"]
)
def test_the_code_leads_to_no_foreign_page(guarded, path):
    client, _ = password(following=path)
    answer = client.post(CODE, {"code": code_of(guarded[0], now=clock.now())})
    assert answer["Location"] == HOME


def test_the_key_of_the_session_changes_at_each_step(guarded):
    client = Client()
    client.get(LOGIN)
    client, _ = password(client)
    held = client.cookies["sessionid"].value
    client.post(CODE, {"code": code_of(guarded[0], now=clock.now())})
    assert client.cookies["sessionid"].value != held
    assert not Session.objects.filter(session_key=held).exists()


def test_a_bad_code_signs_nobody_in_and_the_next_may_be_good(guarded):
    client, _ = password()
    answer = client.post(CODE, {"code": bad_code_of(guarded[0])})
    assert answer.status_code == 200
    assert "not good now" in answer.content.decode()
    assert not is_in(client)
    client.post(CODE, {"code": code_of(guarded[0], now=clock.now())})
    assert is_in(client)


def test_a_code_that_signed_in_does_not_sign_in_again(guarded):
    code = code_of(guarded[0], now=clock.now())
    first, second = password()[0], password()[0]
    assert first.post(CODE, {"code": code}).status_code == 302
    assert second.post(CODE, {"code": code}).status_code == 200
    assert not is_in(second)


def test_a_wrong_password_says_the_same_with_and_without_a_second_factor(guarded):
    a_person("vera")
    pages = {
        password(name=name, text="wrong")[1].content.decode().split('id="login-form"')[0]
        for name in ("olga", "vera", "nobody")
    }
    assert len(pages) == 1


@pytest.mark.parametrize(
    "code",
    ["", "9" * 5_000, "\u0661\u0662\u0663\u0664\u0665\u0666", "\x00", "123456\x00", "<script>"],
    ids=lambda text: ascii(text)[:16],
)
def test_hostile_codes_are_bad_codes(guarded, code):
    client, _ = password()
    answer = client.post(CODE, {"code": code})
    assert answer.status_code == 200
    assert "<script>" not in answer.content.decode().split("code-form")[1]
    assert not is_in(client)


def test_a_form_without_a_code_is_a_bad_one(guarded):
    client, _ = password()
    assert client.post(CODE).status_code == 200


def test_without_the_password_there_is_nothing_to_answer(guarded):
    client = Client()
    answer = client.post(CODE, {"code": code_of(guarded[0], now=clock.now())})
    assert (answer.status_code, answer["Location"]) == (302, LOGIN)


def test_a_good_password_is_remembered_for_minutes_only(guarded):
    client, _ = password()
    session = client.session
    session["signing_in"] = {**session["signing_in"], "until": clock.now().timestamp()}
    session.save()
    answer = client.post(CODE, {"code": code_of(guarded[0], now=clock.now())})
    assert answer["Location"] == LOGIN
    assert not is_in(client)


@pytest.mark.parametrize("change", ["password", "inactive", "not staff"])
def test_what_changes_between_password_and_code_counts(guarded, change):
    client, _ = password()
    user = guarded[0]
    code = code_of(user, now=clock.now())
    user.is_active, user.is_staff = change != "inactive", change != "not staff"
    if change == "password":
        user.set_password("another long password")
    user.save()
    assert client.post(CODE, {"code": code})["Location"] == LOGIN


def test_a_recovery_code_signs_in_once_and_says_what_is_left(guarded):
    client, _ = password()
    client.post(CODE, {"code": guarded[1][0]})
    assert "9 are left" in client.get(HOME).content.decode()
    client, _ = password()
    assert client.post(CODE, {"code": guarded[1][0]}).status_code == 200


def test_after_bad_codes_the_person_is_told_that_somebody_has_the_password(guarded):
    other, _ = password()
    for _ in range(3):
        other.post(CODE, {"code": bad_code_of(guarded[0])})
    client = signed_in(guarded[0])
    assert "since your last sign-in: 3" in client.get(HOME).content.decode()


def test_too_many_bad_codes_wait_and_say_for_how_long(guarded):
    client, _ = password()
    for _ in range(5):
        client.post(CODE, {"code": bad_code_of(guarded[0])})
    answer = client.post(CODE, {"code": code_of(guarded[0], now=clock.now())})
    assert answer.status_code == 429
    assert 1 <= int(answer["Retry-After"]) <= 30
    assert "bad codes" in answer.content.decode()


def test_a_session_ends_eight_hours_after_the_sign_in_whatever_is_done(guarded):
    client = signed_in(guarded[0])
    session = client.session
    ends = datetime.fromisoformat(session["_session_expiry"]).astimezone(UTC)
    assert abs((ends - clock.now()).total_seconds() - 8 * 3600) < 60
    session["anything"] = 1
    session.save()
    kept = Session.objects.get(session_key=session.session_key).expire_date
    assert abs((kept - ends).total_seconds()) < 1


def test_switched_off_the_password_is_enough_again(guarded, settings):
    settings.SECOND_FACTOR = Policy.OFF
    assert is_in(password()[0])


def test_without_the_key_of_the_secret_a_recovery_code_still_signs_in(guarded, settings):
    code = code_of(guarded[0], now=clock.now())
    settings.ENCRYPTION_KEY = ""
    client, _ = password()
    assert client.post(CODE, {"code": code}).status_code == 503
    assert client.post(CODE, {"code": guarded[1][0]}).status_code == 302
