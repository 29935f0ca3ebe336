"""get: fields, jq, conditions, orders, kinds, and the word that was meant."""

import json

import pytest

from executors.core.lifecycle import TaskState
from k8s4r import clock
from tests.builders import a_pool, a_project, a_task, a_user, an_agent, seconds
from tests.cli.work import a_running_task


def ended(pool, name, **fields):
    """Return a task that no dispatch pass looks at."""
    return a_task(pool, name=name, **{"state": TaskState.COMPLETED, "exit_code": 0, **fields})


def test_fields_are_chosen_for_people_and_for_programs(cli, pool):
    ended(pool, "one", spec={"argv": ["a", "b"]})
    said = cli("get", "tasks", "--fields", "name,spec.argv,exit_code")
    assert [line.split() for line in said.out.splitlines()] == [
        ["NAME", "SPEC.ARGV", "EXIT_CODE"],
        ["one", '["a","b"]', "0"],
    ]
    assert json.loads(
        cli("get", "task", "one", "--fields", "name,spec.argv", "-o", "json").out
    ) == {
        "name": "one",
        "spec": {"argv": ["a", "b"]},
    }


def test_jq_reads_what_json_would_print(cli, pool):
    ended(pool, "one")
    ended(pool, "two")
    assert cli("get", "tasks", "--jq", ".items[].name").out == "two\none\n"
    assert cli("get", "task", "one", "--jq", ".exit_code, .labels").out == "0\n{}\n"
    bad = cli("get", "tasks", "--jq", ".items[")
    assert (bad.code, bad.out) == (2, "")
    assert bad.err.startswith("error: --jq '.items['")


def test_conditions_on_fields_look_beyond_the_limit(cli, pool):
    ended(pool, "bad", exit_code=3, state=TaskState.FAILED)
    for number in range(60):
        ended(pool, f"good-{number}")
    said = cli(
        "get", "tasks", "--field-selector", "exit_code!=0", "-o", "jsonl", "--jq", ".items[].name"
    )
    assert said.out == "bad\n"
    assert (
        cli("get", "tasks", "--field-selector", "name=good-7", "--no-headers").out.count("\n") == 1
    )
    wrong = cli("get", "tasks", "--field-selector", "name")
    assert (wrong.code, wrong.err.split(":")[0]) == (2, "error")


def test_a_list_is_ordered_by_a_field(cli, pool):
    for name, priority in (("a", 9), ("b", 10), ("c", 2)):
        ended(pool, name, priority=priority)
    ordered = ["get", "tasks", "--jq", ".items[].name", "--sort-by"]
    assert cli(*ordered, "priority").out.split() == ["c", "a", "b"]
    assert cli(*ordered, "-priority").out.split() == ["b", "a", "c"]


def test_tasks_are_listed_by_person_and_by_time(cli, pool):
    ended(pool, "old", now=clock.now() - seconds(7_200))
    ended(pool, "mine", now=clock.now())
    ended(pool, "bobs", owner=a_user("bob"), now=clock.now())
    names = ["get", "tasks", "--jq", ".items[].name"]
    assert cli(*names, "--by", "me", "--since", "1h").out == "mine\n"
    assert cli(*names, "--by", "bob").out == "bobs\n"
    wrong = cli(*names, "--since", "soon")
    assert (wrong.code, "--since 'soon' is no moment" in wrong.err) == (2, True)


def test_a_project_that_is_set_counts_until_all_are_asked_for(cli, pool):
    ended(pool, "here")
    ended(a_pool(project=a_project("other"), name="default"), "there")
    names = ["get", "tasks", "--jq", ".items[].name"]
    assert cli(*names, K8S4R_PROJECT="other").out == "there\n"
    assert cli(*names, "-p", "default", K8S4R_PROJECT="other").out == "here\n"
    assert cli(*names, "-A", K8S4R_PROJECT="other").out.split() == ["there", "here"]


def test_agents_are_listed_by_pool_and_by_the_word_of_their_status(cli, pool, agent):
    gpu = an_agent("gpu-1", labels={"gpu": "a100"})
    gpus = a_pool(name="gpus", required_labels={"gpu": "a100"})
    a_running_task(pool, gpu, "train")
    names = ("-o", "name")
    assert cli("get", "agents", "--pool", "gpus", *names).out == f"agent/{gpu.pk}\n"
    assert cli("get", "agents", "--state", "busy", *names).out == f"agent/{gpu.pk}\n"
    assert cli("get", "agents", "--state", "online", *names).out.count("agent/") == 2
    free = cli("get", "agents", "--pool", "gpus", "--field-selector", "status=online", *names)
    assert free.out == ""
    assert cli("get", "pools", "--field-selector", "name=gpus", *names).out == f"pool/{gpus.pk}\n"


def test_projects_and_tokens_are_kinds_too(cli, pool):
    assert cli("get", "pr", "--no-headers").out.split()[0] == "default"
    assert cli("get", "project", "default", "--jq", ".name").out == "default\n"
    cli("agent", "add")
    assert cli("get", "tokens", "--no-headers").out.split()[1] == "active"
    assert "0/1" in cli("get", "enrolment-tokens").out


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["get", "taks"], "did you mean 'tasks'?"),
        (["get", "task", "nigthly"], "did you mean 'nightly'?"),
        (["describe", "agent", "wbe-1"], "did you mean 'web-1'?"),
        (["wait", "nightly", "--for", "state=runing"], "did you mean 'running'?"),
        (["--context", "prod", "get", "tasks"], "k8s4r context list shows them"),
    ],
)
def test_the_word_that_was_meant_is_named(cli, pool, arguments, hint):
    ended(pool, "nightly")
    an_agent("web-1")
    said = cli(*arguments)
    assert said.code in {2, 3}
    assert f"hint: {hint}" in said.err


def test_the_page_in_the_browser_is_printed(cli, gateway, pool):
    task = ended(pool, "one")
    said = cli("get", "task", "one", "--web")
    assert said.out == f"{gateway.url}/admin/executors/task/{task.pk}/change/\n"


def test_requests_are_shown_to_those_who_ask(cli, gateway):
    said = cli("-v", "get", "projects")
    assert f"GET {gateway.url}/api/v1/projects?limit=50 200 " in said.err
    assert "/api/v1/projects" not in cli("get", "projects").err
