"""Work tells how far it is and pins texts to its page: by its own token, while it runs, once."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from agents.wire import tellings
from agents.wire.proofs import task_token
from executors.core.lifecycle import AttemptState
from executors.gateway.tellings import MOST_IN_WINDOW
from executors.models import Annotation, Attempt, Task
from k8s4r import clock
from tests.builders import a_pool, a_running_attempt, an_agent
from tests.services.agentside import token_of
from tests.serving import Served, a_persons_token, an_agents_token


@pytest.fixture
def attempt(transactional_db: None) -> Attempt:
    agent = an_agent(now=clock.now())
    return a_running_attempt(a_pool(agent), agent, now=clock.now())


@pytest.fixture
def work(gateway: Served, attempt: Attempt) -> Iterator[httpx2.Client]:
    """Return a client that speaks for the work of the attempt."""
    with gateway.client(task_token(token_of(attempt))) as client:
        client.base_url = client.base_url.join(f"/api/v1/attempts/{attempt.pk}/")
        yield client


def told(attempt: Attempt) -> dict[tuple[str, str], str]:
    rows = Annotation.objects.filter(attempt=attempt)
    return {(row.context, row.style): row.text for row in rows}


def test_progress_is_in_the_answers_of_its_task(
    gateway: Served, work: httpx2.Client, attempt: Attempt
) -> None:
    answer = work.put("progress", json={"fraction": 0.4, "text": "4 of 10"})
    assert (answer.status_code, answer.json()["is_new"]) == (200, True)
    with gateway.client(a_persons_token()) as person:
        (listed,) = person.get("/api/v1/tasks").json()["items"]
        read = person.get(f"/api/v1/tasks/{attempt.task_id}").json()
    assert (listed["progress"]["fraction"], listed["progress"]["text"]) == (0.4, "4 of 10")
    assert read["progress"] == listed["progress"]


def test_progress_is_a_sign_of_life(work: httpx2.Client, attempt: Attempt) -> None:
    before = clock.now()
    work.put("progress", json={"fraction": 1})
    heard = Attempt.objects.get(pk=attempt.pk).last_report_at
    assert heard is not None
    assert heard >= before


def test_the_same_again_changes_nothing(work: httpx2.Client, attempt: Attempt) -> None:
    for is_new in (True, False):
        said = {"text": "**2** failed", "style": "error"}
        assert work.put("annotations/tests", json=said).json()["is_new"] is is_new
        assert work.put("progress", json={"fraction": 0.5}).json()["is_new"] is is_new
    assert told(attempt) == {("tests", "error"): "**2** failed"}


def test_a_context_is_replaced_and_others_stay(work: httpx2.Client, attempt: Attempt) -> None:
    for context, text in (("a", "old"), ("b", "kept"), ("a", "new")):
        assert work.put(f"annotations/{context}", json={"text": text}).status_code == 200
    assert told(attempt) == {("a", "info"): "new", ("b", "info"): "kept"}


def test_annotations_are_listed_with_their_attempt(
    gateway: Served, work: httpx2.Client, attempt: Attempt
) -> None:
    work.put("annotations/a", json={"text": "one"})
    work.put("annotations/b", json={"text": "two", "style": "success"})
    with gateway.client(a_persons_token()) as person:
        items = person.get(f"/api/v1/tasks/{attempt.task_id}/annotations").json()["items"]
    assert [(one["context"], one["style"], one["text"], one["attempt"]) for one in items] == [
        ("a", "info", "one", 1), ("b", "success", "two", 1),
    ]  # fmt: skip


def test_an_attempt_pins_so_many_and_no_more(work: httpx2.Client, attempt: Attempt) -> None:
    for number in range(tellings.NOTES):
        assert work.put(f"annotations/n{number}", json={"text": "x"}).status_code == 200
    refused = work.put("annotations/more", json={"text": "x"})
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    assert work.put("annotations/n0", json={"text": "y"}).status_code == 200
    assert len(told(attempt)) == tellings.NOTES


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("progress", {"fraction": 1.1}, "/fraction"),
        ("progress", {"fraction": -0.1}, "/fraction"),
        ("progress", {"fraction": 0.1, "text": "x" * 201}, "/text"),
        ("progress", {"fraction": 0.1, "text": "a\x00b"}, ""),
        ("progress", {}, "/fraction"),
        ("annotations/a", {"text": ""}, "/text"),
        ("annotations/a", {"text": "ä" * (tellings.NOTE_BYTES // 2 + 1)}, "/text"),
        ("annotations/a", {"text": "a\x00b"}, ""),
        ("annotations/a", {"text": "x", "style": "<b>"}, "/style"),
        ("annotations/%3Cb%3E", {"text": "x"}, "/context"),
        ("annotations/" + "a" * 64, {"text": "x"}, "/context"),
    ],
)
def test_what_may_not_be_told_is_refused_by_field_and_changes_nothing(
    work: httpx2.Client, attempt: Attempt, path: str, body: dict[str, Any], pointer: str
) -> None:
    answer = work.put(path, json=body)
    assert answer.status_code in {400, 422}, answer.text
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert told(attempt) == {}
    assert Task.objects.get(pk=attempt.task_id).progress is None


def test_nothing_is_told_of_an_attempt_that_is_over(work: httpx2.Client, attempt: Attempt) -> None:
    ended = {"state": AttemptState.SUCCEEDED, "ended_at": clock.now()}
    Attempt.objects.filter(pk=attempt.pk).update(**ended)
    for path, body in (("progress", {"fraction": 1}), ("annotations/a", {"text": "late"})):
        answer = work.put(path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (409, "superseded")
    assert told(attempt) == {}


def test_every_other_token_is_refused(gateway: Served, attempt: Attempt) -> None:
    stranger = a_running_attempt(a_pool(), an_agent(now=clock.now()), now=clock.now())
    others = (
        token_of(attempt), an_agents_token(attempt.agent), a_persons_token(),
        task_token(token_of(stranger)), "tsk_x",
    )  # fmt: skip
    for token in others:
        with gateway.client(token) as client:
            path = f"/api/v1/attempts/{attempt.pk}/progress"
            assert client.put(path, json={"fraction": 1}).status_code == 401, token[:4]
    assert Task.objects.get(pk=attempt.task_id).progress is None


def test_the_tasks_token_is_good_for_nothing_else(gateway: Served, attempt: Attempt) -> None:
    with gateway.client(task_token(token_of(attempt))) as client:
        for path in ("tasks", f"tasks/{attempt.task_id}/logs", f"attempts/{attempt.pk}"):
            assert client.get(f"/api/v1/{path}").status_code == 401, path
        report = {"session": str(attempt.session_id), "sent_at": 1.0, "items": []}
        reports = f"/api/v1/agents/{attempt.agent_id}/reports"
        assert client.post(reports, json=report).status_code in {401, 422}


def test_a_flood_is_slowed_with_a_time_to_wait(work: httpx2.Client) -> None:
    answers = [work.put("progress", json={"fraction": 0.1}) for _ in range(MOST_IN_WINDOW + 1)]
    assert {answer.status_code for answer in answers[:-1]} == {200}
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["Retry-After"]) >= 1


def test_who_follows_the_log_hears_of_progress(
    gateway: Served, work: httpx2.Client, attempt: Attempt
) -> None:
    follow = f"/api/v1/tasks/{attempt.task_id}/logs?follow=1"
    with (
        gateway.client(a_persons_token()) as person,
        person.stream("GET", follow) as stream,
    ):
        lines = stream.iter_lines()
        next(line for line in lines if line.startswith("event: state"))
        work.put("progress", json={"fraction": 0.25, "text": "a quarter"})
        data = next(line for line in lines if line.startswith("data:") and "a quarter" in line)
    assert '"progress":0.25' in data.replace(" ", "")


def command(
    gateway: Served, attempt: Attempt, *words: str, stdin: bytes = b"", **env: str
) -> "subprocess.CompletedProcess[bytes]":
    """Run `k8s4r-agent` as the work of the attempt would."""
    environment = {
        "K8S4R_API_URL": gateway.url,
        "K8S4R_ATTEMPT": str(attempt.pk),
        "K8S4R_TASK_TOKEN": task_token(token_of(attempt)),
        **env,
    }
    argv = [sys.executable, "-m", "agents.client", *words]
    return subprocess.run(
        argv, input=stdin, env=environment, capture_output=True, check=False, timeout=60
    )


def test_the_commands_tell_it(gateway: Served, attempt: Attempt) -> None:
    said = command(gateway, attempt, "progress", "40%", "--text", "half way, nearly")
    assert (said.returncode, said.stderr) == (0, b"")
    piped = command(
        gateway, attempt, "annotate", "--context", "tests", "--style", "warning", "-",
        stdin="## Übersicht\n\n3 failed".encode(),
    )  # fmt: skip
    assert (piped.returncode, piped.stderr) == (0, b"")
    task = Task.objects.get(pk=attempt.task_id)
    assert (task.progress, task.progress_text) == (0.4, "half way, nearly")
    assert told(attempt) == {("tests", "warning"): "## Übersicht\n\n3 failed"}


@pytest.mark.parametrize(
    ("words", "env", "said"),
    [
        (("progress", "1.5"), {}, (2, "share of the whole")),
        (("progress", "nan"), {}, (2, "share of the whole")),
        (("annotate", " "), {}, (2, "no text")),
        (("annotate", "x" * (tellings.NOTE_BYTES + 1)), {}, (2, "longer than")),
        (("annotate", "--context", "a/../b", "x"), {}, (2, "--context: up to 63")),
        (("progress", "1"), {"K8S4R_ATTEMPT": ""}, (2, "K8S4R_ATTEMPT is not set")),
        (("progress", "1"), {"K8S4R_TASK_TOKEN": "tsk_x"}, (4, "token")),
    ],
)
def test_a_command_says_why_it_told_nothing(
    gateway: Served, attempt: Attempt, words: Any, env: dict[str, str], said: tuple[int, str]
) -> None:
    ran = command(gateway, attempt, *words, **env)
    assert (ran.returncode, ran.stdout) == (said[0], b"")
    assert said[1] in ran.stderr.decode()
    assert told(attempt) == {}


@pytest.mark.parametrize(
    ("stdin", "word"), [(b"\xff", "not UTF-8"), ("ä".encode() * 8193, "longer than")]
)
def test_what_is_piped_must_be_a_text_of_some_length(
    gateway: Served, attempt: Attempt, stdin: bytes, word: str
) -> None:
    said = command(gateway, attempt, "annotate", "-", stdin=stdin)
    assert said.returncode == 2
    assert word in said.stderr.decode()
    assert told(attempt) == {}


def test_a_command_of_work_that_is_over_ends_with_1(gateway: Served, attempt: Attempt) -> None:
    ended = {"state": AttemptState.SUCCEEDED, "ended_at": clock.now()}
    Attempt.objects.filter(pk=attempt.pk).update(**ended)
    said = command(gateway, attempt, "progress", "1")
    assert said.returncode == 1
    assert "is over" in said.stderr.decode()
