"""run, logs, cancel, wait, drain, agent add: what people do, with an agent on the other side."""

import shlex
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from agents.models import Agent
from agents.wire.messages import Finished, Log, Started
from executors.core.lifecycle import AttemptState, TaskState
from executors.models import Attempt, LogChunk, Task
from k8s4r import clock
from k8s4r.access.models import Token
from pools.models import Pool
from tests.builders import a_requirement, a_task, an_attempt, session_of, state_of
from tests.serving import AgentSide, an_agents_token
from tests.waiting import wait_until


@pytest.fixture
def pool(cli) -> Pool:
    return Pool.objects.get(name="default")


@contextmanager
def working(gateway, agent: Agent, *pieces: Log | bytes, exit_code: int = 0) -> Iterator[None]:
    """Let the agent take the next order, write these pieces, and end with this code."""
    failed: list[BaseException] = []

    def work() -> None:
        try:
            with gateway.client(an_agents_token(agent)) as client:
                _work(AgentSide(client, agent.pk, session_of(agent).pk), pieces, exit_code)
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    yield
    thread.join(30)
    assert not thread.is_alive()
    assert not failed, failed


def _work(side: AgentSide, pieces, exit_code: int) -> None:
    order = side.claim(wait_s=20).orders[0]
    base = {"attempt": order.attempt, "token": order.token, "at": 1000.0}
    logs = [
        Log(seq=index + 2, stream=stream, data=data, **base)
        for index, (stream, data) in enumerate(pieces)
    ]
    end = Finished(seq=len(logs) + 2, exit_code=exit_code, **base)
    side.report(Started(seq=1, pid=1, **base), *logs, end)


def a_running_task(pool: Pool, agent: Agent, name: str) -> Attempt:
    now = clock.now()
    return an_attempt(a_task(pool, name=name, now=now), agent, state="running", now=now, last_seq=1)


def writes(attempt: Attempt, seq: int, data: bytes) -> None:
    """Keep output as if it had been reported."""
    LogChunk.objects.create(attempt=attempt, seq=seq, stream="stdout", at=clock.now(), data=data)
    Task.objects.filter(pk=attempt.task_id).update(log_bytes=seq)


def ends(attempt: Attempt, **outcome) -> None:
    """End attempt and task."""
    now = clock.now()
    Attempt.objects.filter(pk=attempt.pk).update(state=AttemptState.SUCCEEDED, ended_at=now)
    Task.objects.filter(pk=attempt.task_id).update(
        **{"state": TaskState.COMPLETED, "exit_code": 0, "ended_at": now, **outcome}
    )


def test_run_feels_as_if_the_command_ran_here(cli, gateway, agent):
    with working(
        gateway, agent, ("stdout", b"out\n"), ("stderr", b"err\n"), ("stdout", b"\xff"), exit_code=3
    ):
        process = cli.start("--quiet", "run", "--name", "job", "--", "make", "-j4", "it all")
        process.wait(30)
    assert process.returncode == 3
    assert process.stdout.buffer.read() == b"out\n\xff"
    assert process.stderr.buffer.read() == b"err\n"
    assert Task.objects.get(name="job").spec["argv"] == ["make", "-j4", "it all"]


def test_run_says_why_the_task_failed(cli, gateway, agent):
    with working(gateway, agent, exit_code=7):
        said = cli("run", "false")
    assert (said.code, said.out) == (7, "")
    assert said.err.splitlines()[-1] == "failed: exit code 7"


def test_run_detached_prints_the_id_and_nothing_else(cli, agent):
    said = cli(
        "run", "--detach", "--label", "a=b", "--priority", "9", "--timeout", "1h",
        "--attempts", "4", "--env", "HOME", "--env", "X=1", "true", HOME="/here",
    )  # fmt: skip
    task = Task.objects.get(pk=said.out.strip())
    assert task.requirement.labels == {"a": "b"}
    assert (task.priority, task.run_timeout_s, task.retry["max_attempts"]) == (9, 3_600, 4)
    assert task.spec["env"] == {"HOME": "/here", "X": "1"}


def test_run_says_why_the_task_waits(cli):
    process = cli.start("run", "--label", "gpu=a100", "true")
    task = wait_until(Task.objects.first)
    lines = [process.stderr.readline() for _ in range(2)]
    assert lines[0] == f"task {task.pk}\n"
    assert lines[1].startswith("waiting (no_agents): ")


def test_an_interrupt_leaves_the_task_and_says_how_to_follow_it_again(cli, pool, agent):
    process = cli.start("run", "sleep", "60")
    process.stderr.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    task = Task.objects.get()
    assert process.returncode == 130
    assert "Ctrl-C again within 3 s cancels the task" in err
    assert f"k8s4r logs -f {task.pk}" in err
    assert state_of(task) not in {"cancelled", "completed"}


def test_a_second_interrupt_cancels_the_task(cli, pool):
    process = cli.start("run", "--label", "gpu=a100", "sleep", "60")
    process.stderr.readline()
    process.send_signal(signal.SIGINT)
    while "again" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert process.returncode == 130
    assert state_of(Task.objects.get()) == "cancelled"


def test_logs_are_printed_whole_and_by_their_last_lines(cli, pool, agent):
    attempt = a_running_task(pool, agent, "build")
    for seq, data in enumerate((b"one\ntw", b"o\nthree\n", b"four"), start=2):
        writes(attempt, seq, data)
    assert cli("logs", "build").out == "one\ntwo\nthree\nfour"
    assert cli("logs", "build", "--tail", "2").out == "three\nfour"
    stamped = cli("logs", "build", "--timestamps").out.splitlines()
    assert [line.split(" ")[1] for line in stamped] == ["one", "two", "three", "four"]


def test_a_followed_log_ends_with_the_task_and_with_its_code(cli, pool, agent):
    attempt = a_running_task(pool, agent, "build")
    writes(attempt, 2, b"one\n")
    process = cli.start("logs", "-f", "build")
    assert process.stdout.readline() == "one\n"
    writes(attempt, 3, b"two\n")
    assert process.stdout.readline() == "two\n"
    ends(attempt, state="failed", exit_code=4, reason="exit_code")
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (4, "", "failed: exit code 4\n")


def test_following_from_the_last_lines_loses_and_repeats_nothing(cli, pool, agent):
    attempt = a_running_task(pool, agent, "build")
    writes(attempt, 2, b"one\ntwo\nthree\n")
    process = cli.start("logs", "-f", "--tail", "1", "build")
    assert process.stdout.readline() == "three\n"
    writes(attempt, 3, b"four\n")
    ends(attempt)
    out, _ = process.communicate(timeout=20)
    assert (process.returncode, out) == (0, "four\n")


def test_interrupting_a_followed_log_leaves_the_task(cli, pool, agent):
    attempt = a_running_task(pool, agent, "build")
    writes(attempt, 2, b"one\n")
    process = cli.start("logs", "-f", "build")
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert f"k8s4r cancel {attempt.task_id}" in err
    assert state_of(attempt.task_id) == "running"


def test_the_log_of_a_task_that_waits_is_the_reason(cli, pool):
    a_task(pool, name="train", requirement=a_requirement(pool, labels={"gpu": "a100"}))
    said = cli("logs", "train")
    assert (said.code, said.out) == (8, "")
    assert said.err.startswith("waiting (no_agents): ")


def test_the_log_of_a_silent_task_says_so(cli, pool, agent):
    a_running_task(pool, agent, "build")
    said = cli("logs", "build")
    assert (said.code, said.out, said.err) == (0, "", "running, nothing written yet\n")


def test_a_waiting_task_is_cancelled_at_once_and_only_once(cli, pool):
    task = a_task(pool, name="x")
    said = cli("cancel", "x")
    assert (said.code, said.out) == (0, f"task/{task.pk} cancelled\n")
    again = cli("cancel", "x")
    assert again.code == 5
    assert "there is nothing to cancel" in again.err


def test_a_running_task_is_stopped_by_its_agent(cli, pool, agent):
    attempt = a_running_task(pool, agent, "build")
    said = cli("cancel", "build")
    assert (said.code, said.out) == (0, f"task/{attempt.task_id} stopping on web-1\n")
    assert state_of(attempt) == "stopping"


def test_cancelling_a_name_that_is_several_tasks_guesses_nothing(cli, pool):
    tasks = [a_task(pool, name="x") for _ in range(2)]
    said = cli("cancel", "x")
    assert said.code == 5
    assert {state_of(task) for task in tasks} == {"pending"}


def test_one_refusal_does_not_stop_the_others(cli, pool):
    task = a_task(pool, name="good")
    said = cli("cancel", "missing", "good")
    assert said.code == 3
    assert said.out == f"task/{task.pk} cancelled\n"
    assert "no task has the name or id 'missing'" in said.err


@pytest.mark.parametrize(
    ("states", "code"),
    [
        (["completed", "completed"], 0),
        (["completed", "failed"], 1),
        (["completed", "cancelled"], 2),
        (["cancelled", "timed_out"], 1),
    ],
)
def test_wait_ends_as_the_worst_of_the_tasks(cli, pool, states, code):
    tasks = [a_task(pool, name=f"t{index}", state=state) for index, state in enumerate(states)]
    said = cli("wait", *(task.name for task in tasks))
    assert said.code == code
    assert [line.split()[0] for line in said.out.splitlines()] == [f"task/{t.pk}" for t in tasks]


def test_wait_returns_when_the_task_ends(cli, pool, agent):
    attempt = a_running_task(pool, agent, "build")
    process = cli.start("wait", "build")
    assert process.poll() is None
    ends(attempt)
    out, _ = process.communicate(timeout=20)
    assert (process.returncode, out) == (0, f"task/{attempt.task_id} completed: exit code 0\n")


def test_wait_gives_up_in_time(cli, pool):
    task = a_task(pool, name="x")
    said = cli("wait", "--timeout", "1", "x")
    assert said.code == 6
    assert f"{task.pk} is pending" in said.err
    assert f"hint: k8s4r why {task.pk}" in said.err


def test_agents_are_drained_and_resumed(cli, agent):
    assert cli("drain", "web-1").out == "agent/web-1 draining, online\n"
    agent.refresh_from_db()
    assert agent.desired == "draining"
    refused = cli("pause", "web-1")
    assert refused.code == 5
    assert cli("resume", "web-1").out == "agent/web-1 active, online\n"


def test_the_line_of_agent_add_holds_a_token_that_is_good_once(cli, gateway):
    said = cli("agent", "add", "--label", "rack")
    assert said.code == 0
    words = shlex.split(said.out.replace("(", " ").replace(")", " "))
    text = next(word for word in words if word.startswith("enr_"))
    assert words[words.index("--url") + 1] == gateway.url
    token = Token.objects.get(key_id=text.split("_")[1])
    assert (token.max_uses, token.label_keys) == (1, ["rack"])
    with gateway.client(text) as client:
        answers = [
            client.post(
                "/api/v1/agents/register",
                json={"name": name, "labels": {"rack": "7"}},
            ).status_code
            for name in ("new-1", "new-2")
        ]
    assert answers[0] in {200, 201}
    assert answers[1] in {401, 403, 409}
    assert Agent.objects.get().labels == {"rack": "7"}


def test_a_watched_list_shows_what_changes(cli, pool):
    task = a_task(pool, name="x")
    process = cli.start("get", "tasks", "--watch", "-o", "jsonl")
    assert '"state":"pending"' in process.stdout.readline()
    cli("cancel", "x")
    assert f'"id":"{task.pk}"' in (line := process.stdout.readline())
    assert '"state":"cancelled"' in line
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert process.returncode == 130
