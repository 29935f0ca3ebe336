"""cancel, wait, drain, agent add: what people do, and the codes they get."""

import shlex

import pytest

from agents.models import Agent
from k8s4r.access.models import Token
from tests.builders import a_requirement, a_task, state_of
from tests.cli.work import a_running_task, ends


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


def test_tasks_are_cancelled_by_a_label_of_their_own_not_by_what_they_require(cli, pool):
    needs = a_requirement(pool, labels={"batch": "7"})
    kept = a_task(pool, requirement=needs, labels={"batch": "8"})
    gone = a_task(pool, requirement=needs, labels={"batch": "7"})
    said = cli("cancel", "-l", "batch=7", "--yes")
    assert (said.code, said.out) == (0, "1 cancelled\n")
    assert (state_of(kept), state_of(gone)) == ("pending", "cancelled")


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
    out, _ = process.communicate(timeout=60)
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
