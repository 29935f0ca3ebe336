"""Who is let in, by which proof, and to what."""

from datetime import timedelta

import pytest
from django.test import Client, RequestFactory
from django.urls import get_resolver
from rest_framework.response import Response
from rest_framework.views import APIView

from executors.models import Task
from k8s4r import clock
from k8s4r.access.models import Token, TokenKind
from k8s4r.access.services import tokens
from k8s4r.access.services.tokens import Terms
from k8s4r.api.operations import methods
from tests.api.conftest import Api, token_of
from tests.builders import a_project, an_admin, an_agent

VERBS = ("DELETE", "GET", "PATCH", "POST", "PUT")
PATHS = ["tasks", "agents", "agent-pools", "projects", "tokens", "enrolment-tokens"]


def views():
    for pattern in get_resolver().url_patterns:
        for route in getattr(pattern, "url_patterns", []):
            view = getattr(getattr(route, "callback", None), "cls", None)
            if view is not None:
                yield pytest.param(view, id=str(route.pattern))


@pytest.mark.parametrize("view", list(views()))
def test_every_method_of_every_view_is_declared(view):
    handlers = {word for word in VERBS if hasattr(view, word.lower())}
    assert handlers
    assert set(methods(view)) - {"HEAD"} == handlers


def test_a_view_that_declares_nothing_serves_nobody(alice, pool):
    class Forgotten(APIView):
        def get(self, request):
            return Response({"secret": 1})

    headers = {"HTTP_AUTHORIZATION": f"Bearer {token_of(alice)}"}
    answer = Forgotten.as_view()(RequestFactory().get("/api/v1/forgotten", **headers))
    assert answer.status_code == 405
    assert b"secret" not in answer.content


@pytest.mark.parametrize("path", PATHS)
def test_nobody_gets_in_without_a_token(nobody, path):
    for answer in (nobody.get(path), nobody.post(path, {})):
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert answer.json()["code"] == "unauthenticated"
    assert not Task.objects.exists()


@pytest.mark.parametrize("header", ["Basic YTpi", "Bearer", "Bearer ", "Bearer x y", "Bearer \x00"])
def test_another_kind_of_credential_is_refused(pool, header):
    answer = Client().get("/api/v1/tasks", headers={"Authorization": header})
    assert answer.status_code == 401


def test_a_refusal_does_not_say_why(alice, pool):
    now = clock.now()
    expired = tokens.mint(TokenKind.PERSON, Terms(lifetime=-timedelta(days=1), user=alice), now=now)
    revoked = tokens.mint(TokenKind.PERSON, Terms(lifetime=None, user=alice), now=now)
    tokens.revoke([revoked.token.pk], now=now)
    good = token_of(alice)
    wrong = good[:25] + ("A" if good[25] != "A" else "B") + good[26:]
    details = {
        Api(text).get("tasks").json()["detail"] for text in (expired.text, revoked.text, wrong)
    }
    assert details == {"this token is not valid"}


def test_a_token_of_a_person_who_left_is_refused(alice, pool):
    text = token_of(alice)
    alice.is_active = False
    alice.save()
    assert Api(text).get("tasks").status_code == 401


def test_a_revoked_token_is_refused_at_once(api, alice, pool, django_capture_on_commit_callbacks):
    other = token_of(alice)
    assert Api(other).get("tasks").status_code == 200
    newest = api.get("tokens").json()["items"]
    key_id = other.split("_")[1]
    (entry,) = [each for each in newest if each["key_id"] == key_id]
    with django_capture_on_commit_callbacks(execute=True):
        assert api.delete(f"tokens/{entry['id']}").status_code == 204
    assert Api(other).get("tasks").status_code == 401


@pytest.mark.parametrize("kind", [TokenKind.AGENT, TokenKind.ENROLMENT])
@pytest.mark.parametrize("path", PATHS)
def test_machines_do_not_act_as_people(pool, kind, path):
    agent = an_agent()
    terms = Terms(lifetime=None, subject=agent.pk, project=agent.project)
    machine = Api(tokens.mint(kind, terms, now=clock.now()).text)
    assert machine.get(path).status_code == 403
    assert machine.post(path, {}).status_code == 403


def test_a_browsers_session_reads_and_needs_the_csrf_token_to_write(alice, pool):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(alice)
    assert browser.get("/api/v1/tasks").status_code == 200
    answer = browser.post("/api/v1/tasks", {"driver": "noop"}, content_type="application/json")
    assert answer.status_code == 403
    assert answer.json()["code"] == "forbidden"
    assert not Task.objects.exists()


def test_a_browsers_session_with_the_csrf_token_submits(alice, pool):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(alice)
    token = "a" * 32
    browser.cookies["csrftoken"] = token
    answer = browser.post(
        "/api/v1/tasks",
        {"driver": "noop"},
        content_type="application/json",
        headers={"X-CSRFToken": token},
    )
    assert answer.status_code == 201
    assert answer.json()["owner"] == "alice"


def test_a_person_makes_and_lists_their_own_tokens_and_sees_the_text_once(api):
    made = api.post("tokens", {"label": "ci", "lifetime_days": 7}).json()
    assert Api(made["token"]).get("tasks").status_code == 200
    listed = [each for each in api.get("tokens").json()["items"] if each["id"] == made["id"]]
    assert listed[0]["label"] == "ci"
    assert made["token"] not in api.get("tokens").content.decode()
    assert "digest" not in listed[0]


@pytest.mark.parametrize("days", [0, 91])
def test_a_persons_token_lives_ninety_days_at_most(api, days):
    answer = api.post("tokens", {"lifetime_days": days})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/lifetime_days"


def test_nobody_sees_or_revokes_another_persons_tokens(api, stranger):
    (mine,) = [each["id"] for each in api.get("tokens?user=alice").json()["items"]]
    assert mine not in stranger.get("tokens").content.decode()
    assert stranger.delete(f"tokens/{mine}").status_code == 404
    assert Token.objects.get(pk=mine).revoked_at is None


def test_a_token_for_one_project_cannot_make_one_for_more(stranger):
    assert stranger.post("tokens", {}).status_code == 422
    assert stranger.post("tokens", {"project": "default"}).status_code == 422
    made = stranger.post("tokens", {"project": "other"}).json()
    assert Token.objects.get(pk=made["id"]).project == a_project("other")


def test_a_bad_token_is_not_made_good_by_a_session(alice, pool):
    browser = Client()
    browser.force_login(an_admin("carol"))
    answer = browser.get("/api/v1/tasks", headers={"Authorization": "Bearer pat_bad"})
    assert answer.status_code == 401
