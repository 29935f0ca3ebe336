"""logs of several tasks, since a time, of the attempt before; and states that are waited for."""

from agents.models import Agent
from executors.core.lifecycle import AttemptState
from executors.models import Attempt, LogChunk, Task
from k8s4r import clock
from tests.builders import an_agent, an_attempt, seconds
from tests.cli.test_reading import on_a_terminal
from tests.cli.work import a_running_task, ends, writes


def test_several_logs_are_shown_behind_the_names_of_their_tasks(cli, pool, agent):
    one, two = (a_running_task(pool, agent, name) for name in ("a", "long"))
    writes(one, 2, b"1\n2\n")
    writes(two, 2, b"no end")
    said = cli("logs", "a", "long")
    assert said.out == "[a]    1\n[a]    2\n[long] no end\n"
    assert "\x1b[" in on_a_terminal(cli, "logs", "a", "long")


def test_several_logs_are_followed_at_once_and_end_with_the_first_bad_code(cli, pool, agent):
    one, two = (a_running_task(pool, agent, name, labels={"batch": "7"}) for name in ("one", "two"))
    writes(one, 2, b"from one\n")
    process = cli.start("logs", "-f", "-l", "batch=7")
    assert process.stdout.readline() == "[one] from one\n"
    writes(two, 2, b"half")
    writes(two, 3, b" line\n")
    assert process.stdout.readline() == "[two] half line\n"
    ends(one)
    ends(two, state="failed", exit_code=5, reason="exit_code")
    _, err = process.communicate(timeout=30)
    assert process.returncode == 5
    assert {"[one] completed: exit code 0", "[two] failed: exit code 5"} <= set(err.splitlines())


def test_only_what_was_written_since_is_shown(cli, pool, agent):
    attempt = a_running_task(pool, agent, "build")
    writes(attempt, 2, b"old\n")
    LogChunk.objects.update(at=clock.now() - seconds(7_200))
    writes(attempt, 3, b"new\n")
    assert cli("logs", "build", "--since", "1h").out == "new\n"
    assert cli("logs", "build").out == "old\nnew\n"


def test_the_attempt_before_the_latest_is_shown(cli, pool, agent):
    first = a_running_task(pool, agent, "build")
    Attempt.objects.filter(pk=first.pk).update(state="failed", ended_at=clock.now())
    Task.objects.update(attempts_made=1)
    task = Task.objects.get()
    second = an_attempt(task, an_agent(), state=AttemptState.RUNNING)
    writes(first, 2, b"first\n")
    writes(second, 2, b"second\n")
    Task.objects.update(attempts_made=2)
    assert cli("logs", "build", "--previous").out == "first\n"
    Task.objects.update(attempts_made=1)
    assert cli("logs", "build", "--previous").code == 3


def test_a_state_is_waited_for(cli, pool, agent):
    attempt = a_running_task(pool, agent, "build")
    said = cli("wait", "build", "--for=state=running")
    assert (said.code, said.out) == (0, f"task/{attempt.task_id} running\n")
    ends(attempt)
    lost = cli("wait", "build", "--for=state=running")
    assert (lost.code, "was never seen running" in lost.err) == (1, True)


def test_an_agent_is_waited_for(cli, pool, agent):
    assert cli("wait", "agent/web-1", "--for", "state=online").out == "agent/web-1 online\n"
    Agent.objects.update(observed="offline")
    late = cli("wait", "agent/web-1", "--for", "state=online", "--timeout", "1")
    assert (late.code, "is offline" in late.err) == (6, True)
