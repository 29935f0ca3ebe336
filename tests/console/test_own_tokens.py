"""A person makes an API token on the pages, sees it once, and ends it: theirs and nobody else's."""

import re

import pytest
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from k8s4r import clock
from k8s4r.access.models import Token, TokenKind
from k8s4r.access.services import tokens
from k8s4r.audit.models import AuditEvent
from tests.builders import a_member, a_project
from tests.console.conftest import browser_of
from tests.serving import a_persons_token

OWN = reverse("own_tokens")
TEXT = re.compile(r"pat_[0-9A-Za-z]{16}_[\w-]{43}_[0-9a-f]{8}")


@pytest.fixture
def red(db):
    return a_project("red")


@pytest.fixture
def vera(red):
    return a_member("vera", "viewer", project=red)


@pytest.fixture
def pages(vera):
    return browser_of(vera)


def form(**fields):
    return {"label": "laptop", "lifetime_days": "30", "project": "", **fields}


def shown(answer):
    return TEXT.search(answer.content.decode())[0]


def api(text):
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {text}")
    return client


def test_a_token_made_here_is_good_for_the_api_and_shown_once(pages, vera, red):
    answer = pages.post(OWN, form())
    assert answer.status_code == 201
    text = shown(answer)
    told = api(text).get("/api/v1/projects")
    assert [row["name"] for row in told.json()["items"]] == [red.name]
    again = pages.get(OWN)
    assert text not in again.content.decode()
    assert "laptop" in again.content.decode()
    assert "no-store" in answer["Cache-Control"]


def test_the_history_says_who_made_it(pages, vera):
    pages.post(OWN, form())
    event = AuditEvent.objects.filter(object_type="token").latest("id")
    assert (event.actor_kind, event.actor_id) == ("user", str(vera.pk))


def test_a_token_for_one_project_and_some_scopes(pages, red):
    pages.post(OWN, form(project="red", scopes=["tasks.read"]))
    (row,) = Token.objects.filter(kind=TokenKind.PERSON)
    assert (row.project, row.scopes) == (red, ["tasks.read"])


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"lifetime_days": "91"}, "lifetime_days"),
        ({"lifetime_days": "0"}, "lifetime_days"),
        ({"lifetime_days": "\u0663"}, "lifetime_days"),
        ({"lifetime_days": "9" * 5_000}, "lifetime_days"),
        ({"label": "x" * 201}, "label"),
        ({"label": "nul\x00"}, "label"),
        ({"scopes": ["everything"]}, "scopes"),
        ({"project": "blue"}, "no project blue"),
        ({"project": "none"}, "no project none"),
    ],
)
def test_what_does_not_fit_is_told_and_makes_nothing(pages, fields, told):
    a_project("blue")
    answer = pages.post(OWN, form(**fields))
    assert answer.status_code in {400, 422}
    assert told in answer.content.decode()
    assert not Token.objects.filter(kind=TokenKind.PERSON).exists()


def test_ones_own_token_is_ended_here(pages, vera):
    text = shown(pages.post(OWN, form()))
    (row,) = Token.objects.filter(kind=TokenKind.PERSON)
    pages.post(reverse("revoke_own_token", args=[row.pk]))
    assert api(text).get("/api/v1/projects").status_code == 401
    assert "revoked" in pages.get(OWN).content.decode()


def test_a_token_of_somebody_else_is_not_there(pages):
    a_persons_token("oskar")
    (row,) = Token.objects.filter(kind=TokenKind.PERSON)
    assert pages.post(reverse("revoke_own_token", args=[row.pk])).status_code == 404
    row.refresh_from_db()
    assert row.revoked_at is None
    assert row.key_id not in pages.get(OWN).content.decode()


def test_nobody_gets_one_without_signing_in(db):
    answer = Client().post(OWN, form())
    assert answer.status_code == 302
    assert reverse("admin:login") in answer["Location"]
    assert not Token.objects.exists()


def test_one_forged_form_makes_nothing(vera):
    strict = Client(enforce_csrf_checks=True)
    type(vera).objects.filter(pk=vera.pk).update(is_staff=True)
    strict.force_login(vera)
    assert strict.post(OWN, form()).status_code == 403
    assert not Token.objects.exists()


def test_an_expired_one_is_named_so_and_cannot_be_ended(pages, vera):
    minted = tokens.mint(
        TokenKind.PERSON,
        tokens.Terms(lifetime=tokens.PERSON_LIFETIME, user=vera, label="old"),
        now=clock.now() - 2 * tokens.PERSON_LIFETIME,
    )
    told = pages.get(OWN).content.decode()
    assert "expired" in told
    assert reverse("revoke_own_token", args=[minted.token.pk]) not in told
