"""why, describe, doctor, api, version, help: what a person reads to understand."""

import json
import re
from datetime import timedelta

import pytest
from django.db import transaction

from agents.models import Agent
from executors.core.leases import LeasePolicy
from executors.core.lifecycle import TaskState
from executors.models import Annotation, Task
from executors.operating.models import Notification, NotificationTarget
from executors.services import pulses
from k8s4r import clock
from k8s4r.access.models import Token
from tests.builders import NOON, a_requirement, a_running_attempt, a_task, a_tasks
from tests.cli.work import a_running_task
from tests.serving import an_agents_token


def test_why_names_every_agent_and_what_keeps_it(cli, pool, agent):
    needs = a_requirement(pool, labels={"gpu": "a100"})
    a_task(pool, name="train", requirement=needs, now=clock.now())
    said = cli("why", "train")
    assert said.code == 0
    assert "labels_missing" in said.out.splitlines()[0]
    assert said.out.splitlines()[-1].split() == [
        "web-1", "labels_missing", "labels.gpu:", "needs", "a100,", "has", "nothing",
    ]  # fmt: skip


def test_why_of_a_task_that_does_not_wait_says_how_it_stands(cli, pool):
    a_task(pool, name="x", state=TaskState.FAILED, exit_code=3, reason="exit_code")
    assert cli("why", "x").out == "it does not wait: failed: exit code 3\n"


def test_a_task_is_described_with_attempts_history_and_what_to_do_next(cli, pool, agent):
    task = a_running_task(pool, agent, "build", spec={"argv": ["make", "all it"]}).task
    said = cli("describe", "task", "build")
    assert said.code == 0
    assert said.out.startswith(f"build  running\n{task.pk}\n")
    assert "make 'all it'" in said.out
    assert "attempt 1  running" in said.out
    assert f"k8s4r cancel {task.pk}" in said.out


def test_an_agent_is_described_with_what_it_works_on(cli, pool, agent):
    a_running_task(pool, agent, "build")
    said = cli("describe", "agent", "web-1")
    assert said.code == 0
    assert "1 of 2 in use" in said.out
    assert "build  running" in said.out
    assert "k8s4r drain web-1" in said.out


def test_an_agent_is_described_with_how_its_tasks_ended_and_where_it_is(cli, pool, agent):
    # At once: a tally between the two would have counted all that had ended by then.
    with transaction.atomic():
        a_tasks(pool, 2, agent=agent, state=TaskState.COMPLETED, ended_at=NOON)
        a_task(pool, agent=agent, state=TaskState.TIMED_OUT, ended_at=NOON)
    Agent.objects.filter(pk=agent.pk).update(endpoint="https://web-1.lan:9443")
    said = cli("describe", "agent", "web-1").out
    assert re.search(r"^ *tasks +3, 2 good, 1 failed$", said, re.MULTILINE), said
    assert re.search(r"^ *endpoint +https://web-1.lan:9443$", said, re.MULTILINE), said
    assert re.search(r"^ *token ends +has none$", said, re.MULTILINE), said
    an_agents_token(agent)
    Token.objects.filter(subject=agent.pk).update(expires_at=clock.now() + timedelta(days=9.9))
    assert re.search(r"^ *token ends +in 9d", cli("describe", "agent", "web-1").out, re.MULTILINE)


def test_a_pool_is_described_with_its_queue_and_members(cli, pool, agent):
    a_tasks(pool, 3, requirement=a_requirement(pool, labels={"no": "body"}))
    said = cli("describe", "pool", "default")
    assert said.code == 0
    assert "every agent of the project" in said.out
    assert "pending      3" in said.out
    assert "web-1" in said.out


def test_describe_asks_for_a_name(cli):
    said = cli("describe", "task")
    assert (said.code, said.err) == (2, "error: which task?\nhint: k8s4r get tasks lists them\n")


def test_doctor_checks_each_connection(cli, agent):
    said = cli("doctor")
    assert said.code == 0, said.out
    checks = {line.split()[1]: line.split()[0] for line in said.out.splitlines()}
    assert {"server": "ok", "database": "ok", "token": "ok", "agents": "ok"}.items() <= (
        checks.items()
    )


def test_doctor_shows_the_last_backup_and_what_was_given_up(cli, agent):
    moment = clock.now()
    said = cli("doctor").out
    assert "note  backup     none is known" in said
    assert "ok    messages   no notification" in said
    pulses.beat(pulses.BACKUP, now=moment - timedelta(hours=3, seconds=9), policy=LeasePolicy())
    target = NotificationTarget.objects.create(
        name="ops", looked_until=moment, created_at=moment, changed_at=moment
    )
    Notification.objects.create(
        target=target, event="test", severity="info", title="x", state="dead",
        last_error="503", next_try_at=moment, created_at=moment,
    )  # fmt: skip
    said = cli("doctor").out
    assert "ok    backup     made 3h ago" in said
    assert "note  messages   1 notifications were given up, the last: 503" in said


def test_doctor_ends_badly_at_a_wrong_token(cli):
    said = cli("doctor", K8S4R_TOKEN="pat_wrong")
    assert said.code == 1
    assert "bad   token" in said.out


def test_doctor_without_a_server_stops_there(bare):
    said = bare("doctor")
    assert said.code == 1
    assert said.out.splitlines()[-1].startswith("bad   server")


def test_the_api_takes_a_body_from_a_file_and_from_stdin(cli, tmp_path):
    body = json.dumps({"name": "raw", "driver": "noop"})
    file = tmp_path / "task.json"
    file.write_text(body)
    assert cli("api", "POST", "tasks", "-d", f"@{file}").code == 0
    assert cli("api", "post", "/api/v1/tasks", "-d", "-", typed=body).code == 0
    assert Task.objects.filter(name="raw").count() == 2


def test_version_is_said_without_a_server(bare):
    said = bare("version")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("k8s4r ")


@pytest.mark.parametrize(
    "verb",
    ["run", "get", "describe", "logs", "why", "wait", "cancel", "drain", "agent", "doctor", "api"],
)
def test_every_verb_explains_itself(bare, verb):
    said = bare(verb, "--help")
    assert (said.code, said.err) == (0, "")
    assert "Usage: k8s4r" in said.out


def test_the_command_alone_shows_its_verbs(bare):
    said = bare()
    assert said.code == 0
    assert "describe" in said.out


def test_what_a_task_told_of_itself_is_described_and_steers_no_terminal(cli, pool, agent):
    attempt = a_running_attempt(pool, agent, name="build", now=clock.now())
    Task.objects.filter(pk=attempt.task_id).update(
        progress=0.29, progress_text="3 of\x1b[2J 10", progress_at=clock.now(), progress_attempt=1
    )
    Annotation.objects.create(
        attempt=attempt, context="tests", style="error", text="**2** failed\n\x1b]0;evil\x07",
        told_at=clock.now(),
    )  # fmt: skip
    lines = cli("describe", "task", "build").out.splitlines()
    assert "29 % done: 3 of\ufffd[2J 10" in lines
    at = lines.index("tests (error, by attempt 1)")
    assert lines[at + 1 : at + 3] == ["  **2** failed", "  \ufffd]0;evil\ufffd"]
    assert "29" in cli("get", "tasks").out
