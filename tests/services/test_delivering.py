"""Messages reach real receivers, are tried again, given up, and never go where they must not."""

import logging
import socket
from contextlib import contextmanager
from io import StringIO
from random import Random

import pytest

from executors.operating import tasks
from executors.operating.channels import guard, sending
from executors.operating.core import notices
from executors.operating.models import Notification
from executors.operating.services import delivering, targets, writing
from k8s4r import clock
from k8s4r.audit.attribution import SYSTEM
from k8s4r.core.networks import allowed_from
from tests.builders import NOON, seconds
from tests.services.receivers import mail_server, web_hook

pytestmark = pytest.mark.django_db
LOCAL = "127.0.0.1"


@pytest.fixture(autouse=True)
def _policy(settings):
    settings.ENCRYPTION_KEY = "k" * 40
    settings.ENV = settings.ENV.model_copy(update={"notify_allowed_hosts": LOCAL})


def a_message(url, *, now=NOON, **fields):
    columns = {"name": "hook", "events": ["task_failed"]}
    target = targets.create(
        url=url, actor=SYSTEM, columns=columns, allowed=allowed_from(LOCAL), now=now
    )
    message = notices.task_failed("0" * 32, "nightly", "jobs", "failed", "exit_code")
    row = writing.row_of(message, target.pk, now=now)
    for name, value in fields.items():
        setattr(row, name, value)
    row.save(force_insert=True)
    return row


def test_a_message_reaches_a_web_hook():
    with web_hook() as hook:
        row = a_message(f"json://{LOCAL}:{hook.port}/path")
        tasks.deliver()
        tasks.deliver()
    row.refresh_from_db()
    assert (row.state, row.tries, row.last_error) == ("delivered", 1, "")
    assert [(one["title"], one["type"]) for one in hook.messages] == [("nightly failed", "warning")]
    assert "k8s4r logs" in hook.messages[0]["message"]


def test_a_message_reaches_a_mail_server():
    with mail_server() as post:
        row = a_message(f"mailto://{LOCAL}:{post.port}?from=k8s4r@example.org&to=ops@example.org")
        tasks.deliver()
    row.refresh_from_db()
    assert (row.state, row.last_error) == ("delivered", "")
    assert b"nightly failed" in post.messages[0]


def test_a_receiver_that_fails_is_tried_again_later_and_given_up_at_last():
    with web_hook() as hook:
        hook.status = 500
        row = a_message(f"json://{LOCAL}:{hook.port}/canary-secret")
        tasks.deliver()
        row.refresh_from_db()
        assert (row.state, row.tries) == ("waiting", 1)
        assert "500" in row.last_error
        assert "canary" not in row.last_error
        left_s = (row.next_try_at - clock.now()).total_seconds()
        assert 20 < left_s <= 30
        tasks.deliver()
        assert len(hook.messages) == 1, "it is not due yet"
        Notification.objects.update(tries=notices.MOST_TRIES - 1, next_try_at=NOON)
        tasks.deliver()
        row.refresh_from_db()
        assert (row.state, row.ended_at is None) == ("dead", False)
        tasks.deliver()
        assert len(hook.messages) == 2


@contextmanager
def our_log():
    """Hear what reaches the root of all loggers, where ours is written."""
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    logging.getLogger().addHandler(handler)
    try:
        yield stream
    finally:
        logging.getLogger().removeHandler(handler)


def test_an_address_that_apprise_does_not_understand_is_said_to_be_one():
    row = a_message("slack://canary-secret")
    with our_log() as log:
        tasks.deliver()
    row.refresh_from_db()
    assert row.last_error == "apprise does not understand this address"
    assert "notification_failed" in log.getvalue()
    assert "canary" not in log.getvalue()


def test_a_reason_tells_nothing_of_the_address():
    url = "jsons://some-user:some-pass@hooks.example.org/canary-secret?+x=more-secret"
    said = sending._told("no canary-secret, more-secret, some-user, some-pass at hooks", url)
    assert said == "no ..., ..., ..., ... at hooks"


def test_a_redirect_is_not_followed():
    with web_hook() as inside, web_hook() as hook:
        hook.status, hook.location = 302, f"http://{LOCAL}:{inside.port}/"
        a_message(f"json://{LOCAL}:{hook.port}/")
        tasks.deliver()
    assert (len(hook.messages), inside.messages) == (1, [])


def test_what_is_no_longer_listed_is_not_called(settings):
    with web_hook() as hook:
        row = a_message(f"json://{LOCAL}:{hook.port}/")
        settings.ENV = settings.ENV.model_copy(update={"notify_allowed_hosts": ""})
        tasks.deliver()
    row.refresh_from_db()
    assert hook.messages == []
    assert row.state == "waiting"
    assert "K8S4R_NOTIFY_ALLOWED_HOSTS" in row.last_error
    assert socket.getaddrinfo(LOCAL, hook.port), "outside of a call nothing is checked"


def test_a_name_that_resolves_to_this_machine_is_not_called():
    with web_hook() as hook:
        with guard.only(allowed_from("hooks.example.org")) as refused:
            for host in ("localhost", "2130706433", "0x7f.1"):
                with pytest.raises(PermissionError, match="private network"):
                    socket.create_connection((host, hook.port), timeout=5)
        assert len(refused) == 3
        with guard.only(allowed_from("localhost")):
            socket.create_connection(("localhost", hook.port), timeout=5).close()


def test_a_message_whose_worker_died_is_taken_by_the_next():
    a_message("jsons://hooks.example.org/")
    assert delivering.take(now=NOON) is not None
    assert delivering.take(now=NOON + seconds(1)) is None
    again = delivering.take(now=NOON + delivering.LEASE)
    assert again is not None
    assert again.url == "jsons://hooks.example.org/"
    assert "hooks" not in str(Notification.objects.get().last_error)


def test_a_message_that_its_workers_die_over_is_given_up():
    row = a_message("jsons://hooks.example.org/", tries=notices.MOST_TRIES)
    assert delivering.take(now=NOON) is None
    row.refresh_from_db()
    assert row.state == "dead"


def test_a_target_may_be_deleted_while_a_message_is_under_way():
    row = a_message("jsons://hooks.example.org/")
    delivering.take(now=NOON)
    row.target.delete()
    assert delivering.failed(row.pk, "no", random=Random(1), now=NOON) == "dead"
    delivering.delivered(row.pk, now=NOON)


def test_a_test_is_tried_once():
    row = a_message("jsons://hooks.example.org/", event="test")
    delivering.take(now=NOON)
    assert delivering.failed(row.pk, "no", random=Random(1), now=NOON) == "dead"


def test_without_the_key_messages_wait(settings, caplog):
    row = a_message("jsons://hooks.example.org/")
    settings.ENCRYPTION_KEY = ""
    tasks.deliver()
    row.refresh_from_db()
    assert (row.state, row.tries) == ("waiting", 0)
    assert "notifications_wait" in caplog.text
