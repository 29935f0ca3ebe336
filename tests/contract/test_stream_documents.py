"""What streams say is what the document says of them, event by event."""

import json
from collections.abc import Iterator

import httpx2
import jsonschema
import pytest

from agents.core.states import Desired
from agents.services import wishes
from executors.models import Task
from k8s4r import clock, urls
from k8s4r.access import selectors
from k8s4r.access.models import Token, TokenKind
from k8s4r.access.services import tokens
from k8s4r.audit.attribution import SYSTEM
from pools.services import pools
from tests.builders import a_pool, a_running_attempt, a_task, an_admin, an_agent
from tests.cli.work import ends, writes
from tests.serving import Served, a_persons_token

pytestmark = pytest.mark.django_db(transaction=True)
STREAMS = {"tasks", "agents", "agent-pools", "pods", "tasks/{task_id}/logs"}
DOCUMENT = urls.openapi()


def events_of(lines: Iterator[str]) -> Iterator[dict[str, str]]:
    """Yield each event as the server wrote it: its fields, the data as text."""
    said: dict[str, str] = {}
    for line in lines:
        if line:
            name, _, value = line.partition(": ")
            said |= {name: value} if name in {"id", "event", "data"} else {}
        elif said:
            yield said
            said = {}


def promised(path: str) -> dict:
    """Return what the document says that an event of a stream is."""
    said = DOCUMENT["paths"][f"/api/v1/{path}"]["get"]["responses"]["200"]
    text = said["content"]["text/event-stream"]["schema"]
    assert (text["type"], text["contentMediaType"]) == ("string", "text/event-stream")
    reference = text["contentSchema"]["items"]["$ref"]
    return DOCUMENT["components"]["schemas"][reference.rpartition("/")[2]]


def check(value: object, schema: dict) -> None:
    within = {**schema, "components": DOCUMENT["components"]}
    jsonschema.Draft202012Validator(within).validate(value)


def check_event(event: dict[str, str], path: str) -> str:
    """Check an event and, by the content schema of its kind, what its data holds."""
    schema = promised(path)
    check(event, schema)
    (kind,) = [
        one["properties"]
        for one in schema["oneOf"]
        if one["properties"]["event"]["const"] == event["event"]
    ]
    assert set(event) == set(kind), "an id stands where it is promised, and nowhere else"
    check(json.loads(event["data"]), kind["data"]["contentSchema"])
    return event["event"]


class Checked:
    """An open stream whose every event is checked as it comes."""

    def __init__(self, response: httpx2.Response, path: str) -> None:
        assert response.headers["content-type"] == "text/event-stream"
        self._events, self._path = events_of(response.iter_lines()), path
        self.kinds: set[str] = set()

    def until(self, kind: str) -> None:
        """Read up to the next event of this kind."""
        for event in self._events:
            heard = check_event(event, self._path)
            self.kinds.add(heard)
            if heard == kind:
                return
        raise AssertionError(f"the stream ended before {kind}, after {self.kinds}")


def kinds_of(path: str) -> set[str]:
    return {one["properties"]["event"]["const"] for one in promised(path)["oneOf"]}


def tokens_end() -> None:
    ids = Token.objects.filter(kind=TokenKind.PERSON).values_list("pk", flat=True)
    tokens.revoke(ids, now=clock.now())


def task_changes() -> Iterator[str]:
    task = a_task(a_pool(name="default", paused=True), name="x")
    yield "added"
    Task.objects.filter(pk=task.pk).update(state="running")
    yield "modified"
    Task.objects.filter(pk=task.pk).update(state="completed")
    yield "deleted"
    tokens_end()
    a_task(task.pool)
    yield "error"


def agent_changes() -> Iterator[str]:
    agent = an_agent("one", now=clock.now())
    yield "added"
    wishes.set_desired(agent.pk, Desired.PAUSED, actor=SYSTEM, now=clock.now())
    yield "modified"
    wishes.archive(agent.pk, actor=SYSTEM, now=clock.now())
    yield "deleted"
    tokens_end()
    an_agent("two", now=clock.now())
    yield "error"


def pool_changes() -> Iterator[str]:
    admin = selectors.person(an_admin())
    pool = a_pool(name="one")
    yield "added"
    windows = [{"from": "22:00", "to": "04:00", "days": ["mon"], "timezone": "UTC", "note": "n"}]
    changes = {"windows": [{**windows[0], "mode": "no_new_work"}], "paused": True}
    pools.change(pool.pk, changes, principal=admin, now=clock.now())
    yield "modified"
    pools.archive(pool.pk, principal=admin, now=clock.now())
    yield "deleted"
    tokens_end()
    a_pool(name="two")
    yield "error"


@pytest.mark.parametrize(
    ("query", "changes"),
    [
        ("tasks?watch=1&state=pending,running", task_changes),
        ("agents?watch=1", agent_changes),
        ("agent-pools?watch=1", pool_changes),
    ],
)
def test_each_event_of_a_watch_is_as_the_document_says(gateway: Served, query, changes):
    path = query.partition("?")[0]
    with (
        gateway.client(a_persons_token()) as client,
        client.stream("GET", f"/api/v1/{query}") as response,
    ):
        stream = Checked(response, path)
        stream.until("bookmark")
        for kind in changes():
            stream.until(kind)
        assert stream.kinds == kinds_of(path)


def test_each_event_of_a_log_is_as_the_document_says(gateway: Served):
    agent = an_agent(now=clock.now())
    attempt = a_running_attempt(a_pool(agent), agent, now=clock.now(), last_seq=1)
    writes(attempt, 2, b"line\n")
    path, where = "tasks/{task_id}/logs", f"/api/v1/tasks/{attempt.task_id}/logs?follow=1"
    with gateway.client(a_persons_token()) as client, client.stream("GET", where) as response:
        refused = Checked(response, path)
        refused.until("state")
        tokens_end()
        writes(attempt, 3, b"secret\n")
        refused.until("error")
    with gateway.client(a_persons_token()) as client, client.stream("GET", where) as response:
        ending = Checked(response, path)
        ending.until("state")
        ends(attempt)
        ending.until("end")
    assert refused.kinds | ending.kinds == kinds_of(path)


def test_every_stream_of_the_document_says_what_its_events_are():
    streams = {
        path.removeprefix("/api/v1/")
        for path, said in DOCUMENT["paths"].items()
        if "text/event-stream" in _contents(said)
    }
    assert streams == STREAMS
    assert all(kinds_of(path) for path in streams)


def _contents(said: dict) -> dict:
    return said.get("get", {}).get("responses", {}).get("200", {}).get("content", {})
