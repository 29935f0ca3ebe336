"""Operators see whom we tell of what, try it, and send again what was given up."""

import pytest
from django.urls import reverse

from executors.operating.models import Notification
from executors.operating.services import targets
from k8s4r import clock
from k8s4r.audit.attribution import SYSTEM
from k8s4r.core.networks import allowed_from

TARGETS = "admin:operating_notificationtarget_changelist"
MESSAGES = "admin:operating_notification_changelist"


@pytest.fixture
def target(db, settings):
    settings.ENCRYPTION_KEY = "k" * 40
    columns = {"name": "night", "events": ["task_failed"]}
    url = "jsons://hooks.example.org/canary-secret"
    return targets.create(
        url=url, actor=SYSTEM, columns=columns, allowed=allowed_from(""), now=clock.now()
    )


@pytest.fixture
def given_up(target):
    moment = clock.now()
    return Notification.objects.create(
        target=target, event="task_failed", severity="warning", title="nightly failed",
        state="dead", last_error="503", next_try_at=moment, created_at=moment,
    )  # fmt: skip


def test_pages_show_targets_and_messages_and_no_address(browser, target, given_up):
    for name, row in ((TARGETS, target), (MESSAGES, given_up)):
        change = name.replace("changelist", "change")
        pages = [browser.get(reverse(name)), browser.get(reverse(change, args=[row.pk]))]
        assert [page.status_code for page in pages] == [200, 200]
        assert all("canary-secret" not in page.content.decode() for page in pages)
    assert "jsons://hooks.example.org/..." in browser.get(reverse(TARGETS)).content.decode()
    assert "503" in browser.get(reverse(MESSAGES)).content.decode()


def act(browser, name, action, row):
    chosen = {"action": action, "_selected_action": [str(row.pk)]}
    return browser.post(reverse(name), chosen, follow=True).content.decode()


def test_a_test_is_sent_from_the_list(browser, target):
    assert "Tests on their way" in act(browser, TARGETS, "send_test", target)
    assert Notification.objects.get().event == "test"


def test_what_was_given_up_is_sent_again_and_a_refusal_is_named(browser, given_up):
    assert "On their way again: 1" in act(browser, MESSAGES, "send_again", given_up)
    given_up.refresh_from_db()
    assert given_up.state == "waiting"
    assert "nightly failed: notification" in act(browser, MESSAGES, "send_again", given_up)


def test_who_may_only_look_sends_nothing(visitor, target, given_up):
    for name, action, row in (
        (TARGETS, "send_test", target), (MESSAGES, "send_again", given_up),
    ):  # fmt: skip
        act(visitor, name, action, row)
    assert list(Notification.objects.values_list("state", flat=True)) == ["dead"]
