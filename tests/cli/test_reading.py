"""get: lists for people and for programs, and the codes of what goes wrong."""

import json
import os
import pty
import subprocess

import pytest
import yaml

from executors.core.lifecycle import TaskState
from k8s4r import clock
from tests.builders import a_requirement, a_running_attempt, a_task, a_tasks, an_agent, seconds
from tests.cli.conftest import COMMAND


def test_tasks_are_listed_newest_first_with_their_states(cli, pool, agent):
    now = clock.now()
    a_running_attempt(pool, agent, name="older", now=now - seconds(90))
    # Nobody may take it: the gateway under test gives work away.
    a_task(pool, name="newer", requirement=a_requirement(pool, labels={"no": "body"}), now=now)
    said = cli("get", "tasks")
    assert said.code == 0
    title, first, second = said.out.splitlines()
    assert title.split()[:3] == ["ID", "NAME", "STATE"]
    assert first.split()[1:3] == ["newer", "pending"]
    assert second.split()[1:4] == ["older", "running", "-"]
    assert "web-1" in second


def test_tasks_are_listed_and_described_by_labels_of_their_own(cli, pool):
    needs = a_requirement(pool, labels={"batch": "7", "no": "body"})
    a_task(pool, name="other", requirement=needs)
    a_task(pool, name="this", requirement=needs, labels={"batch": "7"})
    title, *rows = cli("get", "tasks", "-l", "batch=7", "-o", "wide").out.splitlines()
    assert [row.split()[1] for row in rows] == ["this"]
    assert (title.split()[-1], rows[0].split()[-1]) == ("LABELS", "batch=7")
    lines = cli("describe", "task", "this").out.splitlines()
    facts = [line.replace(",", " ").split() for line in lines]
    assert ["labels", "batch=7"] in facts
    assert {"required", "labels", "batch=7", "no=body"} in map(set, facts)


def test_a_table_stays_below_100_characters_whatever_the_names_are(cli, pool):
    a_task(pool, name="n" * 200, reason="r" * 60)
    an_agent("a" * 200, labels={"l" * 60: "v" * 60})
    for kind in ("tasks", "agents", "pools"):
        assert max(len(line) for line in cli("get", kind).out.splitlines()) < 100


def test_json_is_the_object_of_the_api(cli, pool):
    # It has ended: of one that waits, a dispatch pass would write the reason between two looks.
    task = a_task(pool, name="one", state=TaskState.COMPLETED)
    listed = json.loads(cli("get", "tasks", "-o", "json").out)
    single = json.loads(cli("get", "task", "one", "-o", "json").out)
    raw = json.loads(cli("api", "GET", f"tasks/{task.pk}").out)
    assert single == raw
    assert listed["items"][0]["id"] == str(task.pk)
    assert listed["next"] is None


def test_every_other_format_is_for_programs_too(cli, pool):
    task = a_task(pool, name="one")
    assert yaml.safe_load(cli("get", "tasks", "-o", "yaml").out)["items"][0]["name"] == "one"
    assert json.loads(cli("get", "tasks", "-o", "jsonl").out)["name"] == "one"
    assert cli("get", "tasks", "-o", "name").out == f"task/{task.pk}\n"


def test_a_list_longer_than_a_page_is_fetched_to_its_limit(cli, pool):
    a_tasks(pool, 205)
    said = cli("get", "tasks", "--limit", "203", "-o", "name")
    assert len(set(said.out.split())) == 203
    assert "there are more" in said.err


def test_lists_are_filtered(cli, pool):
    a_task(pool, name="waits")
    a_task(pool, name="done", state=TaskState.COMPLETED)
    assert cli("get", "tasks", "--state", "open", "--no-headers").out.split()[1] == "waits"
    assert cli("get", "tasks", "--state", "ended", "--no-headers").out.split()[1] == "done"


def test_an_empty_list_is_a_success_with_a_note(cli):
    said = cli("get", "tasks")
    assert (said.code, said.out, said.err) == (0, "", "no tasks\n")


def test_a_task_is_found_by_name_by_id_and_by_the_beginning_of_its_id(cli, pool):
    task = a_task(pool, name="nightly")
    for text in ("nightly", "task/nightly", str(task.pk), str(task.pk)[:18]):
        assert cli("get", "task", text, "-o", "name").out == f"task/{task.pk}\n"


def test_the_newest_of_several_with_one_name_is_meant_and_said(cli, pool):
    now = clock.now()
    both = [a_task(pool, name="nightly", now=now) for _ in range(2)]
    newest = max(both, key=lambda task: task.pk)
    said = cli("get", "task", "nightly", "-o", "name")
    assert said.out == f"task/{newest.pk}\n"
    assert "several tasks are named nightly" in said.err


def test_a_beginning_that_fits_several_names_them(cli, pool):
    one, two = a_tasks(pool, 2)
    said = cli("get", "task", str(one.pk)[:8])
    assert (said.code, said.out) == (5, "")
    assert str(one.pk) in said.err
    assert str(two.pk) in said.err


@pytest.mark.parametrize("text", ["nothing", "01a1fe58-0000"])
def test_what_is_nowhere_is_not_found(cli, text):
    said = cli("get", "task", text)
    assert said.code == 3
    assert said.err.startswith(f"error: no task has the name or id '{text}'\nhint: ")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["get", "things"], "no kind 'things'"),
        (["get"], "Missing argument"),
        (["get", "tasks", "--state", "nope"], "--state 'nope'"),
        (["get", "tasks", "-o", "xml"], "output 'xml'"),
        (["get", "pools", "--pool", "default"], "--pool does not filter pools"),
        (["get", "agents", "--by", "bob"], "--by does not filter agents"),
        (["fetch"], "No such command"),
        (["api", "FETCH", "tasks"], "no method 'FETCH'"),
        (["api", "POST", "tasks", "-d", "{"], "--data is not JSON"),
        (["run", "--timeout", "soon", "true"], "--timeout 'soon'"),
        (["get", "tasks", "--limit", "0"], "--limit"),
    ],
)
def test_what_nobody_can_mean_is_refused_before_anything_is_asked(cli, arguments, words):
    said = cli(*arguments)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("error: ")
    assert words in said.err


def test_what_the_server_refuses_names_field_and_request(cli):
    said = cli("run", "--priority", "101", "true")
    assert said.code == 2
    assert "/priority" in said.err
    assert "\nrequest-id: " in said.err


def test_a_refusal_in_json_is_the_problem_itself(cli):
    said = cli("api", "GET", "tasks?nonsense=1")
    assert said.code == 2
    problem = json.loads(cli("run", "-d", "-o", "json", "--priority", "101", "true").err)
    assert (problem["code"], problem["errors"][0]["pointer"]) == ("invalid", "/priority")


def test_a_wrong_token_and_none_end_with_4(cli):
    for token in ("pat_wrong", ""):
        said = cli("get", "tasks", K8S4R_TOKEN=token)
        assert said.code == 4
        assert "hint: k8s4r doctor" in said.err


def test_without_a_server_it_says_how_to_get_one(bare):
    said = bare("get", "tasks")
    assert said.code == 2
    assert "k8s4r up" in said.err


def test_a_server_that_is_away_is_named(bare):
    said = bare("get", "tasks", K8S4R_API_URL="http://127.0.0.1:9", K8S4R_TOKEN="pat_x")
    assert said.code == 1
    assert said.err.startswith("error: no answer from http://127.0.0.1:9")


def test_a_reader_that_leaves_early_is_no_error(cli, pool):
    a_tasks(pool, 200)
    line = " ".join([*COMMAND, "get", "tasks", "--limit", "200", "-o", "json", "| head -c 10"])
    ended = subprocess.run(
        ["bash", "-o", "pipefail", "-c", line],
        env=cli.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")


def on_a_terminal(cli, *arguments: str, **environment: str) -> str:
    """Return what a command writes to a terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        stdout=theirs,
        stderr=theirs,
        env={**cli.environment, "TERM": "xterm-256color", **environment},
    )
    os.close(theirs)
    written = b""
    while True:
        try:
            piece = os.read(ours, 65_536)
        except OSError:
            break
        written += piece
    process.wait(30)
    os.close(ours)
    return written.decode()


def test_colour_is_for_terminals_that_want_it(cli, pool):
    a_task(pool, name="one")
    assert "\x1b[" in on_a_terminal(cli, "get", "tasks")
    assert "\x1b[" not in on_a_terminal(cli, "get", "tasks", NO_COLOR="1")
    assert "\x1b[" not in on_a_terminal(cli, "--no-color", "get", "tasks")
    assert "\x1b[" not in cli("get", "tasks").out


def test_a_name_cannot_steer_the_terminal(cli, pool):
    a_task(pool, name="evil\x1b]0;title\x07name")
    assert "\x1b]" not in on_a_terminal(cli, "get", "tasks")
