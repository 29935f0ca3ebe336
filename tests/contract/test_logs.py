"""People read a log whole, in pieces or live, and come back to where they were."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from agents.models import Agent
from executors.core.lifecycle import TaskState
from executors.models import Attempt, LogChunk, Task
from k8s4r import clock
from tests.builders import a_pool, a_task, an_agent, an_attempt, session_of
from tests.services.agentside import says
from tests.serving import AgentSide, Served, a_persons_token, an_agents_token
from tests.waiting import wait_until

EventRow = tuple[str, str, dict[str, Any]]


@pytest.fixture
def agent(transactional_db: None) -> Agent:
    return an_agent(now=clock.now())


@pytest.fixture
def task(agent: Agent) -> Task:
    """Return a task that no dispatch pass gives away while a test makes its attempt."""
    return a_task(a_pool(agent), now=clock.now(), state=TaskState.RUNNING)


@pytest.fixture
def attempt(agent: Agent, task: Task) -> Attempt:
    return an_attempt(task, agent, state="running", now=clock.now(), last_seq=1)


@pytest.fixture
def side(gateway: Served, agent: Agent) -> Iterator[AgentSide]:
    with gateway.client(an_agents_token(agent)) as client:
        yield AgentSide(client, agent.pk, session_id=session_of(agent).pk)


@pytest.fixture
def person(gateway: Served) -> Iterator[httpx2.Client]:
    with gateway.client(a_persons_token()) as client:
        yield client


def written(attempt: Attempt, first: int, *texts: bytes) -> None:
    """Keep output as if it had been reported."""
    LogChunk.objects.bulk_create(
        LogChunk(attempt=attempt, seq=first + index, stream="stdout", at=clock.now(), data=text)
        for index, text in enumerate(texts)
    )


def events(response: httpx2.Response) -> Iterator[EventRow]:
    """Yield (id, event, data) of a stream until it ends."""
    fields: dict[str, str] = {}
    for line in response.iter_lines():
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif "data" in fields:
            yield fields["id"], fields["event"], json.loads(fields["data"])
            fields = {}


class Following:
    """Follows a log in a thread of its own and keeps what came."""

    def __init__(self, client: httpx2.Client, task: Task, **headers: str) -> None:
        self.heard: list[EventRow] = []
        self._client, self._task, self._headers = client, task, headers
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        path = f"/api/v1/tasks/{self._task.pk}/logs?follow=1"
        with self._client.stream("GET", path, headers=self._headers) as response:
            assert response.headers["content-type"] == "text/event-stream"
            for event in events(response):
                self.heard.append(event)

    def ended(self) -> list[EventRow]:
        """Return everything, once the server has ended the stream."""
        self._thread.join(30)
        assert not self._thread.is_alive(), self.heard
        return self.heard

    def kinds(self) -> list[str]:
        return [kind for _, kind, _ in self.heard]


def test_a_download_is_the_whole_output_of_all_attempts_as_it_was(
    person: httpx2.Client, task: Task, attempt: Attempt
) -> None:
    # More than one page, and bytes that are no text.
    texts = [b"line %d\xff\n" % number for number in range(300)]
    written(attempt, 2, *texts)
    answer = person.get(f"/api/v1/tasks/{task.pk}/logs")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.content == b"".join(texts)


def test_chunks_are_read_page_by_page_without_loss_or_repeat(
    person: httpx2.Client, task: Task, attempt: Attempt
) -> None:
    written(attempt, 2, *(b"%d" % number for number in range(300)))
    cursor, seqs = "0.0", []
    for _ in range(10):
        page = person.get(f"/api/v1/tasks/{task.pk}/logs", params={"after": cursor}).json()
        seqs += [item["seq"] for item in page["items"]]
        cursor = page["cursor"]
        if page["next"] is None:
            break
    assert seqs == list(range(2, 302))
    assert page["task"]["state"] == "running"
    assert cursor == "1.301"


def test_a_bare_sequence_number_counts_in_the_latest_attempt(
    person: httpx2.Client, task: Task, attempt: Attempt
) -> None:
    written(attempt, 2, b"a", b"b", b"c")
    page = person.get(f"/api/v1/tasks/{task.pk}/logs", params={"after": "3"}).json()
    assert [item["seq"] for item in page["items"]] == [4]


def test_one_attempt_can_be_read_alone(
    person: httpx2.Client, task: Task, agent: Agent, attempt: Attempt
) -> None:
    written(attempt, 2, b"first")
    Attempt.objects.filter(pk=attempt.pk).update(state="lost", ended_at=clock.now())
    task.refresh_from_db()
    second = an_attempt(task, agent, state="running", now=clock.now())
    written(second, 2, b"second")
    path = f"/api/v1/tasks/{task.pk}/logs"
    assert person.get(path).content == b"firstsecond"
    assert person.get(path, params={"attempt": 1}).content == b"first"
    assert person.get(path, params={"attempt": 2}).content == b"second"


def test_a_follower_hears_output_as_it_is_reported_and_the_end(
    gateway: Served, person: httpx2.Client, side: AgentSide, task: Task, attempt: Attempt
) -> None:
    Attempt.objects.filter(pk=attempt.pk).update(last_seq=0)
    following = Following(person, task)
    wait_until(lambda: "state" in following.kinds())
    common = {"at": side.sent_at}
    side.report(says(attempt, 1, "log", data=b"one\n", **common))
    wait_until(lambda: "log" in following.kinds())
    side.report(says(attempt, 2, "log", data=b"two\n", **common))
    side.report(says(attempt, 3, "finished", exit_code=0, **common))
    heard = following.ended()
    assert [(at, data["data"]) for at, kind, data in heard if kind == "log"] == [
        ("1.1", "b25lCg=="),
        ("1.2", "dHdvCg=="),
    ]
    assert heard[-1][1] == "end"
    assert heard[-1][2]["state"] == "completed"
    wait_until(lambda: len(gateway.gateway.followers) == 0)


def test_a_follower_hears_what_another_process_committed(
    person: httpx2.Client, task: Task, attempt: Attempt
) -> None:
    following = Following(person, task)
    wait_until(lambda: "state" in following.kinds())
    written(attempt, 2, b"from elsewhere")
    Task.objects.filter(pk=task.pk).update(log_bytes=14)
    wait_until(lambda: "log" in following.kinds())
    Task.objects.filter(pk=task.pk).update(state="completed", ended_at=clock.now())
    assert following.ended()[-1][1] == "end"


def test_a_reader_resumes_where_it_was(person: httpx2.Client, task: Task, attempt: Attempt) -> None:
    written(attempt, 2, b"a", b"b", b"c")
    Task.objects.filter(pk=task.pk).update(state="failed", exit_code=7, ended_at=clock.now())
    whole = Following(person, task).ended()
    logs = [event for event in whole if event[1] == "log"]
    assert [at for at, _, _ in logs] == ["1.2", "1.3", "1.4"]
    again = Following(person, task, **{"Last-Event-ID": logs[0][0]}).ended()
    assert [event for event in again if event[1] == "log"] == logs[1:]
    assert again[-1][2]["exit_code"] == 7


def test_a_follower_who_leaves_is_forgotten(
    gateway: Served, person: httpx2.Client, task: Task, attempt: Attempt
) -> None:
    with person.stream("GET", f"/api/v1/tasks/{task.pk}/logs?follow=1") as response:
        heard = events(response)
        next(heard)
        assert len(gateway.gateway.followers) == 1
    wait_until(lambda: len(gateway.gateway.followers) == 0)


def test_a_log_is_for_people_only_and_for_those_who_may_see_the_task(
    gateway: Served, side: AgentSide, person: httpx2.Client, task: Task
) -> None:
    path = f"/api/v1/tasks/{task.pk}/logs"
    with gateway.client() as nobody:
        assert nobody.get(path).status_code == 401
        assert nobody.get(path + "?follow=1").status_code == 401
    assert side.client.get(path).status_code == 404
    assert person.get(path.replace(str(task.pk)[-4:], "0000")).status_code == 404


@pytest.mark.parametrize(
    "query",
    [
        "after=x",
        "after=1.x",
        "after=-1",
        "after=1.2.3",
        "after=%C2%B2",
        "after=9999999999999999999",
        "attempt=x",
        "attempt=%C2%B2",
        "attempt=9999999999",
    ],
)
def test_a_place_that_is_none_is_refused(person: httpx2.Client, task: Task, query: str) -> None:
    answer = person.get(f"/api/v1/tasks/{task.pk}/logs?{query}")
    assert answer.status_code == 422
    assert answer.json()["errors"]


def test_a_task_without_output_is_an_empty_log(person: httpx2.Client, task: Task) -> None:
    assert person.get(f"/api/v1/tasks/{task.pk}/logs").content == b""
