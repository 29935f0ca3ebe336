"""Whom to tell of what, over REST: addresses go in and never come out."""

import threading

import pytest
from django.db import connection

from executors.operating import tasks
from executors.operating.models import Notification, NotificationTarget
from k8s4r import clock
from tests.services.receivers import web_hook
from tests.waiting import wait_until

HOOK = "jsons://hooks.example.org/canary-secret"


@pytest.fixture(autouse=True)
def _policy(settings):
    settings.ENCRYPTION_KEY = "k" * 40
    settings.ENV = settings.ENV.model_copy(update={"notify_allowed_hosts": "127.0.0.1"})


def make(api, **fields):
    answer = api.post("notification-targets", {"name": "night", "url": HOOK, **fields})
    assert answer.status_code == 201, answer.content
    return answer.json()


def test_a_target_is_made_read_changed_and_ended(api):
    made = make(api, project="default", pool="default", events=["task_failed"])
    assert made["url_shown"] == "jsons://hooks.example.org/..."
    assert (made["project"], made["pool"], made["events"]) == (
        "default", "default", ["task_failed"],
    )  # fmt: skip
    path = f"notification-targets/{made['id']}"
    assert api.get(path).json() == made
    changed = api.patch(path, {"url": "slack://a/b/canary-secret", "min_severity": "critical"})
    assert changed.json()["url_shown"] == "slack://..."
    listed = api.get("notification-targets").json()["items"]
    assert [one["min_severity"] for one in listed] == ["critical"]
    assert api.delete(path).status_code == 204
    assert api.get(path).status_code == 404


def test_the_address_never_comes_out(api):
    made = make(api)
    seen = [api.get("notification-targets"), api.get(f"notification-targets/{made['id']}")]
    assert all(b"canary-secret" not in answer.content for answer in seen)
    assert "canary-secret" not in str(NotificationTarget.objects.values().get())


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"url": "https://example.org"}, "/url"),
        ({"url": "jsons://169.254.169.254/"}, "/url"),
        ({"name": "Not A Slug"}, "/name"),
        ({"events": ["all"]}, "/events/0"),
        ({"events": ["test"]}, "/events"),
        ({"events": []}, "/events"),
        ({"project": "nowhere"}, "/project"),
        ({"pool": "default"}, "/project"),
        ({"project": "default", "pool": "nowhere"}, "/pool"),
        ({"min_severity": "loud"}, "/min_severity"),
        ({"queue_age_s": 1}, "/queue_age_s"),
        ({"encrypted_url": "x"}, "/encrypted_url"),
    ],
)
def test_bad_fields_are_named(api, fields, pointer):
    answer = api.post("notification-targets", {"name": "night", "url": HOOK, **fields})
    assert answer.status_code in {400, 422}, answer.content
    assert [problem["pointer"] for problem in answer.json()["errors"]] == [pointer]
    assert not NotificationTarget.objects.exists()


def test_a_name_is_taken_once_also_without_a_project(api):
    make(api)
    answer = api.post("notification-targets", {"name": "night", "url": HOOK})
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    make(api, project="default")


def test_who_sees_one_project_sees_and_makes_targets_of_that_alone(api, stranger, nobody):
    made = make(api, project="default")
    make(api)
    assert stranger.get("notification-targets").json()["items"] == []
    assert stranger.get(f"notification-targets/{made['id']}").status_code == 404
    assert stranger.delete(f"notification-targets/{made['id']}").status_code == 404
    assert stranger.post(f"notification-targets/{made['id']}/test").status_code == 404
    refused = stranger.post("notification-targets", {"name": "mine", "url": HOOK})
    assert refused.json()["errors"][0]["pointer"] == "/project"
    assert make(stranger, project="other")["project"] == "other"
    assert nobody.get("notification-targets").status_code == 401


def test_without_a_key_the_answer_says_what_to_set(api, settings):
    settings.ENCRYPTION_KEY = ""
    answer = api.post("notification-targets", {"name": "night", "url": HOOK})
    assert answer.status_code == 503
    assert "K8S4R_ENCRYPTION_KEY_FILE" in answer.json()["detail"]


def a_notification(api, **fields):
    target = NotificationTarget.objects.get(pk=make(api)["id"])
    moment = clock.now()
    defaults = {"event": "task_failed", "severity": "warning", "title": "nightly failed"}
    return Notification.objects.create(
        target=target, next_try_at=moment, created_at=moment, **defaults | fields
    )


def test_messages_are_listed_with_what_became_of_them(api, stranger):
    row = a_notification(api, state="dead", last_error="503", tries=8)
    listed = api.get("notifications?state=dead&event=task_failed").json()["items"]
    assert [(one["title"], one["last_error"]) for one in listed] == [("nightly failed", "503")]
    assert api.get("notifications?state=waiting").json()["items"] == []
    assert api.get(f"notifications?target={row.target_id}").json()["items"] == listed
    assert stranger.get("notifications").json()["items"] == []
    for query in ("state=lost", "event=x", "target=night", "since=now"):
        answer = api.get(f"notifications?{query}")
        name = query.partition("=")[0]
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, f"?{name}")


def test_what_was_given_up_can_be_sent_again(api, stranger):
    row = a_notification(api, state="dead", tries=8, last_error="503", ended_at=clock.now())
    path = f"notifications/{row.pk}/retry"
    assert stranger.post(path).status_code == 404
    assert api.post(path).json()["state"] == "waiting"
    assert api.post(path).status_code == 409
    row.refresh_from_db()
    assert (row.tries, row.ended_at) == (0, None)


def test_one_test_is_on_its_way_at_a_time(api):
    row = a_notification(api, event="test")
    answer = api.post(f"notification-targets/{row.target_id}/test")
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert "worker" in answer.json()["detail"]


@pytest.mark.django_db(transaction=True)
def test_a_test_message_says_what_happened(api):
    with web_hook() as hook:
        made = make(api, url=f"json://127.0.0.1:{hook.port}/")
        worker = threading.Thread(target=_deliver_once_there_is_something)
        worker.start()
        answer = api.post(f"notification-targets/{made['id']}/test")
        worker.join(20)
    assert (answer.status_code, answer.json()["state"]) == (200, "delivered")
    assert hook.messages[0]["title"] == "A test of k8s4r"


def _deliver_once_there_is_something():
    try:
        wait_until(Notification.objects.exists)
        tasks.deliver()
    finally:
        connection.close()
