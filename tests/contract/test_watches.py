"""Integrations watch a list: what is there, then what changes, and nothing that is not theirs."""

from typing import Any

import pytest
from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from agents.services import wishes
from executors.core.requests import TaskRequest
from executors.models import Task
from executors.services import cancellation
from executors.services.submission import Submission, submit
from k8s4r import clock
from k8s4r.access import selectors
from k8s4r.access.models import TokenKind
from k8s4r.access.services import tokens
from k8s4r.audit.attribution import SYSTEM
from pools.models import Pool
from tests.builders import a_member, a_pool, a_project, an_admin, an_agent
from tests.contract.listening import watching
from tests.serving import a_persons_token, a_token


@pytest.fixture
def pool(transactional_db: None) -> Pool:
    """Return a paused pool: no pass gives its tasks away."""
    return a_pool(name="default", paused=True)


def submitted(name: str, *, project: str = "default", **asked: Any) -> Task:
    principal = selectors.person(an_admin())
    terms = Submission(principal=principal, now=clock.now(), aging_weight_s=60.0)
    (record,) = submit([TaskRequest(driver="noop", name=name, project=project, **asked)], terms)
    return Task.objects.get(pk=record.id)


def cancelled(task: Task) -> None:
    cancellation.cancel([task.pk], actor=SYSTEM, now=clock.now())


def test_a_watch_begins_with_what_is_there_and_goes_on_with_what_changes(gateway, pool):
    first = submitted("first")
    with watching(gateway, a_persons_token(), "tasks?watch=1") as stream:
        begun = stream.until("bookmark")
        assert [(one.event, one.data.get("name")) for one in begun][:-1] == [("added", "first")]
        second = submitted("second")
        (added, _) = stream.until("bookmark")
        assert (added.event, added.data["id"]) == ("added", str(second.pk))
        cancelled(first)
        (modified, _) = stream.until("bookmark")
        assert (modified.event, modified.data["state"]) == ("modified", "cancelled")
        assert modified.data["name"] == "first"


def test_a_watch_of_a_label_tells_only_of_tasks_that_have_it(gateway, pool):
    with watching(gateway, a_persons_token(), "tasks?watch=1&label=batch%3D7") as stream:
        stream.until("bookmark")
        other = submitted("other", required_labels={"batch": "7"}, labels={"batch": "8"})
        (gone, _) = stream.until("bookmark")
        assert (gone.event, gone.data) == ("deleted", {"id": str(other.pk)})
        submitted("this", labels={"batch": "7"})
        (added, _) = stream.until("bookmark")
        assert (added.event, added.data["labels"]) == ("added", {"batch": "7"})


def test_what_no_longer_passes_the_filter_is_told_as_deleted(gateway, pool):
    task = submitted("mine")
    with watching(gateway, a_persons_token(), "tasks?watch=1&state=pending") as stream:
        stream.until("bookmark")
        cancelled(task)
        (gone, _) = stream.until("bookmark")
        assert (gone.event, gone.data) == ("deleted", {"id": str(task.pk)})


def test_a_reader_that_was_away_is_told_what_it_missed(gateway, pool):
    token = a_persons_token()
    with watching(gateway, token, "tasks?watch=1") as stream:
        cursor = stream.until("bookmark")[-1].id
    task = submitted("missed")
    cancelled(task)
    for query, headers in (
        ("tasks?watch=1", {"Last-Event-ID": cursor}),
        (f"tasks?watch=1&since={cursor}", {}),
    ):
        with watching(gateway, token, query, **headers) as stream:
            (told, _) = stream.until("bookmark")
            assert (told.data["id"], told.data["state"]) == (str(task.pk), "cancelled")


def test_since_now_tells_nothing_of_before(gateway, pool):
    submitted("old")
    with watching(gateway, a_persons_token(), "tasks?watch=1&since=now") as stream:
        assert [one.event for one in stream.until("bookmark")] == ["bookmark"]
        task = submitted("new")
        assert stream.next().data["id"] == str(task.pk)


def test_nothing_foreign_is_told_not_even_that_it_is_gone(gateway, pool):
    red = a_project("red")
    a_pool(name="default", project=red, paused=True)
    viewer = a_token(TokenKind.PERSON, user=a_member("vera", "viewer", project=pool.project))
    theirs = submitted("theirs", project="red")
    with watching(gateway, viewer, "tasks?watch=1") as stream:
        assert [one.event for one in stream.until("bookmark")] == ["bookmark"]
        cancelled(theirs)
        submitted("also theirs", project="red")
        own = submitted("own")
        told = []
        while not told or told[-1].data.get("id") != str(own.pk):
            told += stream.until("bookmark")[:-1]
        assert [one.data["name"] for one in told] == ["own"]


def test_a_change_that_commits_late_is_not_missed(gateway, pool):
    """Its event has a lower id than one that was told before."""
    token = a_persons_token()
    task = submitted("late")
    with watching(gateway, token, "tasks?watch=1") as stream:
        stream.until("bookmark")
        other = connections.create_connection("default")
        try:
            with transaction.atomic():
                cancelled(task)
                copied(task, "early", connection=other)
                assert stream.next().data["name"] == "early"
                cursor = stream.until("bookmark")[-1].id
        finally:
            other.close()
        assert stream.next().data["id"] == str(task.pk)
    with watching(gateway, token, f"tasks?watch=1&since={cursor}") as again:
        told = {one.data.get("id") for one in again.until("bookmark")}
        assert str(task.pk) in told


def copied(task: Task, name: str, *, connection: BaseDatabaseWrapper) -> None:
    """Make a task like this one, committed at once, whatever this thread has not committed."""
    columns = [field.column for field in Task._meta.concrete_fields]
    own = {"id": "%s", "name": "%s", "changed_at": "clock_timestamp()"}
    values = ", ".join(own.get(column, column) for column in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO executors_task ({', '.join(columns)})"
            f" SELECT {values} FROM executors_task WHERE id = %s",
            [clock.new_id(), name, task.pk],
        )


def test_a_revoked_token_hears_nothing_more(gateway, pool):
    token = a_persons_token()
    with watching(gateway, token, "tasks?watch=1") as stream:
        stream.until("bookmark")
        tokens.revoke(
            tokens.Token.objects.filter(kind=TokenKind.PERSON).values_list("pk", flat=True),
            now=clock.now(),
        )
        submitted("secret")
        told = stream.next()
        assert (told.event, told.data["code"]) == ("error", "unauthenticated")
        with pytest.raises(AssertionError, match="ended"):
            stream.next()


def test_agents_are_watched_too_until_they_are_let_go(gateway, transactional_db):
    agent = an_agent("one", now=clock.now())
    with watching(gateway, a_persons_token(), "agents?watch=1") as stream:
        (added, _) = stream.until("bookmark")
        assert (added.data["name"], added.data["status"]) == ("one", "online")
        wishes.archive(agent.pk, actor=SYSTEM, now=clock.now())
        (gone, _) = stream.until("bookmark")
        assert (gone.event, gone.data) == ("deleted", {"id": str(agent.pk)})


@pytest.mark.parametrize(
    ("query", "status", "pointer"),
    [
        ("tasks?watch=1&state=king", 422, "?state"),
        ("tasks?watch=1&owner__password=x", 422, "?owner__password"),
        ("tasks?watch=1&since=yesterday", 422, "?since"),
        ("agents?watch=1&label=%00", 422, "?label"),
        ("agent-pools?watch=1&state=on", 422, "?state"),
        ("agents?watch=1&status=busy", 422, "?status"),
        ("agents?watch=1&pool=default", 422, "?pool"),
    ],
)
def test_a_wrong_question_is_refused_by_name_before_anything_is_told(
    gateway, transactional_db, query, status, pointer
):
    with gateway.client(a_persons_token()) as client:
        answer = client.get(f"/api/v1/{query}")
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["errors"][0]["pointer"].startswith(pointer)


def test_watching_needs_what_listing_needs(gateway, pool):
    auditor = a_token(TokenKind.PERSON, user=a_member("amy", "auditor"))
    for token, status in (("", 401), ("pat_bad", 401), (auditor, 403)):
        with gateway.client(token) as client:
            for path in ("tasks", "agents", "agent-pools"):
                assert client.get(f"/api/v1/{path}?watch=1").status_code == status
