"""Who reads the log of another's task leaves one event an hour, and loses no time by it."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import httpx2
import pytest
from django.test import Client

from executors.models import Attempt
from k8s4r import clock
from k8s4r.access.models import TokenKind, User
from k8s4r.api import browsing
from k8s4r.audit.models import AuditEvent
from k8s4r.audit.readings import EVERY, REMEMBERED_S, Reading, Readings
from tests.builders import a_member, a_pool, a_project, a_running_attempt, an_agent
from tests.contract.test_logs import events, written
from tests.serving import Served, a_persons_token, a_token

PIECES = 300


@pytest.fixture
def attempt(transactional_db: None) -> Attempt:
    """Return an attempt of alice's task, with more output than one answer takes."""
    agent = an_agent(now=clock.now())
    made = a_running_attempt(a_pool(agent), agent, now=clock.now())
    written(made, 1, *[b"x"] * PIECES)
    return made


@pytest.fixture
def bob(transactional_db: None) -> User:
    return a_member("bob", "viewer", project=a_project())


@pytest.fixture
def reader(gateway: Served, bob: User) -> Iterator[httpx2.Client]:
    with gateway.client(a_token(TokenKind.PERSON, user=bob, label="laptop")) as client:
        yield client


def path(attempt: Attempt) -> str:
    return f"/api/v1/tasks/{attempt.task_id}/logs"


def on_record(attempt: Attempt) -> list[AuditEvent]:
    """Return who read the log of its task; nothing empties the history between tests."""
    rows = AuditEvent.objects.filter(object_type="log", object_id=attempt.task_id)
    return list(rows.order_by("id"))


def test_reading_the_log_of_another_in_every_way_leaves_one_event(
    reader: httpx2.Client, attempt: Attempt, bob: User
) -> None:
    first = reader.get(path(attempt), headers={"X-Request-Id": "r-1"})
    assert len(first.content) == PIECES, "a download"
    assert reader.get(path(attempt), params={"after": "0"}).json()["next"], "a page"
    with reader.stream("GET", path(attempt), params={"follow": "1"}) as stream:
        heard = events(stream)
        assert sum(next(heard)[1] == "log" for _ in range(PIECES)) >= PIECES - 3
    (event,) = on_record(attempt)
    assert (event.actor_kind, event.actor_id, event.cause) == ("user", str(bob.pk), "read_log")
    assert (event.object_id, event.project_id) == (attempt.task_id, attempt.project_id)
    assert (event.address, event.request_id) == ("127.0.0.1", "r-1")
    token = reader.get("/api/v1/tokens").json()["items"][0]
    assert str(event.token_id) == token["id"]


def test_what_ones_own_program_says_is_no_secret_from_oneself(
    gateway: Served, attempt: Attempt
) -> None:
    with gateway.client(a_persons_token("alice")) as alice:
        assert alice.get(path(attempt)).status_code == 200
    assert on_record(attempt) == []


def test_who_may_not_read_it_has_not(gateway: Served, attempt: Attempt) -> None:
    stranger = a_member("sam", "operator", project=a_project("other"))
    with gateway.client(a_token(TokenKind.PERSON, user=stranger)) as client:
        assert client.get(path(attempt)).status_code == 404
    assert on_record(attempt) == []


def test_a_reader_on_a_page_is_told_as_one_of_the_web_by_the_history(
    gateway: Served, attempt: Attempt, bob: User
) -> None:
    signed_in = Client()
    signed_in.force_login(bob)
    with gateway.client() as browser:
        browser.cookies.set("sessionid", signed_in.cookies["sessionid"].value)
        assert browser.get(path(attempt)).status_code == 200
    browsing.SESSIONS.forget([bob.pk])
    with gateway.client(a_persons_token("alice")) as alice:
        (told, *_) = alice.get(f"/api/v1/history/task/{attempt.task_id}").json()["items"]
        listed = alice.get(f"/api/v1/audit?object_type=log&object_id={attempt.task_id}").json()[
            "items"
        ]
        moves = alice.get(f"/api/v1/tasks/{attempt.task_id}/events").json()["items"]
    assert told["sentence"] == "bob read the log (web)"
    assert [one["token_id"] for one in listed] == [None]
    assert {one["object_type"] for one in moves} == {"task", "attempt"}


def a_reading(of: Attempt, by: User) -> Reading:
    return Reading("log", of.task_id, of.project_id, by.pk, None, "", "")


def asked(process: Readings, reading: Reading, now: datetime) -> bool:
    """Read through a process; did it have to ask the database?"""
    fresh = process.fresh([reading])
    if fresh:
        process.record(fresh, now=now)
    return bool(fresh)


def test_there_is_one_event_an_hour_whichever_process_is_asked(attempt: Attempt, bob: User) -> None:
    at, now = [1000.0], clock.now()
    one, other = Readings(monotonic=lambda: at[0]), Readings(monotonic=lambda: at[0])
    reading = a_reading(attempt, bob)
    assert asked(one, reading, now)
    assert not asked(one, reading, now), "every piece of a log that is followed costs no query"
    assert asked(other, reading, now + timedelta(minutes=59))
    assert len(on_record(attempt)) == 1
    at[0] += REMEMBERED_S
    assert asked(one, reading, now + EVERY)
    assert [event.at for event in on_record(attempt)] == [now, now + EVERY]


def test_all_that_are_new_are_put_on_record_at_once(
    attempt: Attempt, bob: User, django_assert_num_queries: object
) -> None:
    process, now = Readings(), clock.now()
    people = [bob, *(a_member(f"p{n}", "viewer", project=a_project()) for n in range(5))]
    fresh = process.fresh([a_reading(attempt, person) for person in people * 2])
    with django_assert_num_queries(1):  # type: ignore[operator]
        process.record(fresh, now=now)
    assert {event.actor_id for event in on_record(attempt)} == {str(person.pk) for person in people}
