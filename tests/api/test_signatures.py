"""What is changed over REST and in the admin is signed: who, by which token, from where."""

import pytest
from django.test import Client

from k8s4r.access.models import Project, Token, User
from k8s4r.audit.models import AuditEvent
from tests.builders import a_pool, a_project, a_user, an_agent

UNSIGNED = {"INSERT", "UPDATE", "DELETE"}


def after(act):
    """Return the events that the act leaves, oldest first."""
    last = AuditEvent.objects.order_by("-id").values_list("id", flat=True).first() or 0
    answer = act()
    assert answer.status_code < 400, answer.content
    return list(AuditEvent.objects.filter(id__gt=last).order_by("id"))


def changes():
    """Yield what a person may do over REST, and the cause that its events name."""
    yield "create_pool", lambda api, row: api.post("agent-pools", {"name": "fast"})
    yield "change_pool", lambda api, row: api.patch(f"agent-pools/{row.pk}", {"paused": True})
    yield "archive_pool", lambda api, row: api.delete(f"agent-pools/{row.pk}")
    yield "create_project", lambda api, row: api.post("projects", {"name": "one"})
    yield "make_token", lambda api, row: api.post("tokens", {"label": "x"})
    yield "make_token", lambda api, row: api.post("enrolment-tokens", {})
    yield "create_agent", lambda api, row: api.post("agents", {"name": "web-9"})
    yield "submit", lambda api, row: api.post("tasks", {"driver": "noop", "spec": {}})


@pytest.mark.parametrize(("cause", "act"), [pytest.param(c, a, id=c) for c, a in changes()])
def test_a_change_over_rest_is_signed(api, alice, cause, act):
    row = a_pool(name="slow")

    events = after(lambda: act(api, row))

    token_id = Token.objects.get(user=alice, label="").pk
    assert events
    assert {(e.cause, e.actor_kind, e.actor_id, e.token_id, e.address) for e in events} == {
        (cause, "user", str(alice.pk), token_id, "127.0.0.1")
    }


@pytest.mark.parametrize(
    ("cause", "method", "path", "body"),
    [
        ("change_agent", "patch", "", {"labels": {"a": "b"}}),
        ("drain", "post", "/drain", {}),
        ("renew_token", "post", "/regenerate-token", {"revoke_current": True}),
        ("replace_token", "post", "/regenerate-token", {}),
        ("revoke", "post", "/revoke-token", {}),
    ],
)
def test_a_change_of_an_agent_is_signed(api, cause, method, path, body):
    agent = an_agent()
    events = after(lambda: getattr(api, method)(f"agents/{agent.pk}{path}", body))
    assert {(e.cause, e.actor_id) for e in events} == {(cause, str(a_user().pk))}


def test_a_forwarded_address_is_not_believed(api):
    event = after(lambda: api.post("agent-pools", {"name": "x"}, X_Forwarded_For="192.0.2.1"))[0]
    assert event.address == "127.0.0.1"


@pytest.fixture
def olga(db):
    """Return the browser of an operator."""
    browser = Client()
    browser.force_login(a_user("olga", is_staff=True, is_superuser=True))
    return browser


def test_a_project_changed_in_the_admin_is_signed_by_its_person(olga):
    project = a_project(weight=1)
    form = {"description": "all of it", "weight": "2"}

    (event,) = after(lambda: olga.post(f"/admin/access/project/{project.pk}/change/", form))

    assert event.detail["changes"] == {"description": ["", "all of it"], "weight": [1, 2]}
    assert (event.cause, event.actor_id) == ("change_project", str(User.objects.get().pk))
    assert (event.token_id, event.address) == (None, "127.0.0.1")
    assert Project.objects.get().weight == 2


def test_a_pool_changed_in_the_admin_is_signed_by_its_person(olga):
    pool = a_pool(name="fast", max_concurrent=5)
    form = {"description": "", "strategy": "least_busy", "max_concurrent": "50"}

    (event,) = after(lambda: olga.post(f"/admin/pools/pool/{pool.pk}/change/", form))

    assert event.detail["changes"] == {"max_concurrent": [5, 50]}
    assert (event.cause, event.actor_kind) == ("change_pool", "user")


def test_a_user_made_in_the_admin_and_given_another_password_is_signed(olga):
    words = {
        "usable_password": "true",
        "password1": "correct-horse-1",
        "password2": "correct-horse-1",
    }

    made = after(lambda: olga.post("/admin/access/user/add/", {"username": "eve", **words}))
    eve = User.objects.get(username="eve")
    changed = after(lambda: olga.post(f"/admin/access/user/{eve.pk}/password/", words))

    assert [event.cause for event in made + changed] == ["create_user", "set_password"]
    assert changed[0].detail["changes"] == {"password": ["(hidden)", "(hidden)"]}
    assert not {event.cause for event in made + changed} & UNSIGNED


def test_a_person_who_changes_the_own_password_signs_it(db):
    olga = a_user("olga", is_staff=True, is_superuser=True)
    olga.set_password("correct-horse-1")
    olga.save()
    browser = Client()
    browser.force_login(olga)
    words = {"new_password1": "correct-horse-2", "new_password2": "correct-horse-2"}

    (event,) = after(
        lambda: browser.post(
            "/admin/password_change/", {"old_password": "correct-horse-1", **words}
        )
    )

    assert (event.cause, event.actor_id) == ("set_password", str(olga.pk))
    assert event.detail["changes"] == {"password": ["(hidden)", "(hidden)"]}


def test_the_page_for_the_own_password_is_for_those_who_are_signed_in(db):
    answer = Client().get("/admin/password_change/")
    assert answer.status_code == 302
    assert "/admin/login/" in answer.headers["Location"]
