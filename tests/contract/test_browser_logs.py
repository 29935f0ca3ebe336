"""A browser reads and follows logs by the session of the person who signed in."""

import pytest
from django.contrib.sessions.models import Session
from django.test import Client

from k8s4r import clock
from k8s4r.api import browsing
from k8s4r.core.second_factor import Policy
from tests.builders import a_pool, a_running_attempt, a_user, an_admin, an_agent
from tests.contract.test_logs import events, written
from tests.serving import a_persons_token


@pytest.fixture
def attempt(transactional_db):
    agent = an_agent(now=clock.now())
    made = a_running_attempt(a_pool(agent), agent, now=clock.now())
    written(made, 1, b"hello\n")
    return made


@pytest.fixture
def browser(gateway):
    """Return a client with the cookie of a signed-in person."""
    signed_in = Client()
    signed_in.force_login(an_admin("olga"))
    with gateway.client() as client:
        client.cookies.set("sessionid", signed_in.cookies["sessionid"].value)
        yield client
    browsing.SESSIONS.forget([a_user("olga").pk])


def path(attempt):
    return f"/api/v1/tasks/{attempt.task_id}/logs"


def test_a_signed_in_person_reads_a_log_without_a_token(browser, attempt):
    assert browser.get(path(attempt)).text == "hello\n"


def test_a_signed_in_person_follows_a_log(browser, attempt):
    with browser.stream("GET", path(attempt), params={"follow": "1"}) as stream:
        assert next(events(stream))[:2] == ("1.1", "log")


def test_a_session_that_is_not_there_is_nobody(gateway, attempt):
    with gateway.client() as client:
        client.cookies.set("sessionid", "a" * 32)
        answer = client.get(path(attempt))
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


def test_a_session_that_ended_is_nobody_once_it_is_forgotten(browser, attempt):
    Session.objects.all().delete()
    assert browser.get(path(attempt)).status_code == 401


def test_a_token_that_is_not_valid_is_not_helped_by_a_session(browser, attempt):
    answer = browser.get(path(attempt), headers={"Authorization": "Bearer nonsense"})
    assert answer.status_code == 401


def test_who_has_to_set_up_a_second_factor_first_is_told_so_and_others_read_on(
    browser, gateway, attempt, settings
):
    settings.SECOND_FACTOR = Policy.REQUIRED_FOR_ADMINS
    answer = browser.get(path(attempt))
    assert (answer.status_code, answer.json()["code"]) == (403, "second_factor_needed")
    assert "/admin/account/" in answer.json()["detail"]
    with gateway.client(a_persons_token("olga")) as program:
        assert program.get(path(attempt)).text == "hello\n"
