"""Which of several is meant by a name, and what becomes of one that is mistyped."""

import json

import pytest

from agents.models import Agent
from tests.builders import a_k8s_config, a_member, a_pool, a_project, a_task, an_agent


@pytest.fixture
def twins(pool):
    """Make a pool and an agent of one name in two projects; return those of the other project."""
    there = a_pool(project=a_project("web"), name="default")
    an_agent("box")
    return there, an_agent("box", project=there.project)


def test_a_pool_is_that_of_the_default_project_unless_another_is_named_or_set(cli, pool, twins):
    there, _ = twins
    for words, meant in [
        (("pool", "default"), pool),
        (("pool", "web/default"), there),
        (("pool/web/default",), there),
    ]:
        said = cli("describe", *words, "-o", "json")
        assert json.loads(said.out)["id"] == str(meant.pk), words
    said = cli("describe", "pool", "default", "-o", "json", K8S4R_PROJECT="web")
    assert json.loads(said.out)["id"] == str(there.pk)


def test_a_k8s_config_is_named_with_its_project_too(cli, pool):
    here = a_k8s_config("prod")
    there = a_k8s_config("prod", project=a_project("web"))
    for words, meant in [
        (("k8s-config", "prod"), here),
        (("k8s-config", "web/prod"), there),
        (("k8s-config/web/prod",), there),
    ]:
        said = cli("describe", *words, "-o", "json")
        assert (said.code, json.loads(said.out or "{}").get("id")) == (0, str(meant.pk)), words
    assert cli("delete", "k8s-config/web/nothing", "--yes").code == 3


def test_nothing_is_done_to_one_of_several_on_a_guess(cli, pool, twins):
    said = cli("drain", "box")
    assert (said.code, said.out) == (5, "")
    assert "error: several agents are named box" in said.err
    assert "hint: say which: default/box, web/box" in said.err
    assert cli("delete", "pool", "default", "--yes").code == 5
    assert set(Agent.objects.values_list("desired", flat=True)) == {"active"}
    assert cli("drain", "web/box").out.startswith("agent/box draining")
    twins[1].refresh_from_db()
    assert twins[1].desired == "draining"
    assert Agent.objects.filter(desired="active").count() == 1


def test_a_member_is_shown_by_name(cli, pool):
    a_member("bob", "viewer", project=pool.project)
    said = cli("get", "members", "bob", "-o", "json")
    assert (said.code, json.loads(said.out)["roles"]) == (0, ["viewer"])
    said = cli("get", "members", "bub")
    assert (said.code, said.err.splitlines()[0]) == (3, "error: no member has the name or id 'bub'")
    assert "did you mean 'bob'?" in said.err


@pytest.mark.parametrize(
    "flags",
    [("--fields", "stat"), ("--sort-by", "-stat"), ("--field-selector", "stat!=failed")],
)
def test_a_field_that_nothing_has_is_no_answer(cli, pool, flags):
    a_task(pool)
    said = cli("get", "tasks", *flags)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("error: no field 'stat'\nhint: did you mean 'state'? there are ")


def test_an_attempt_that_was_never_made_is_not_found(cli, pool):
    task = a_task(pool)
    said = cli("logs", str(task.pk), "--attempt", "9")
    assert (said.code, said.out) == (3, "")
    assert "had 0 attempts: no attempt 9" in said.err


@pytest.mark.parametrize("path", ["projects", "/projects", "/api/v1/projects"])
def test_a_path_of_the_api_may_begin_as_people_write_it(cli, pool, path):
    said = cli("api", "GET", path, "--jq", ".items[].name")
    assert (said.code, said.out) == (0, "default\n")
    assert cli("api", "GET", "/healthz", "--jq", ".status").out == "ok\n"


def test_fingers_that_know_another_command_are_understood(cli, agent):
    assert cli("cordon", "web-1").out == "agent/web-1 paused, online\n"
    assert cli("uncordon", "web-1").out == "agent/web-1 active, online\n"
    assert cli("--version").out == cli("version").out


def test_a_group_without_a_verb_says_what_is_missing(cli):
    said = cli("agent")
    assert said.code == 2
    assert said.err.endswith("error: Missing command\nhint: k8s4r agent --help\n")


def test_what_is_done_has_ended(cli, pool):
    task = a_task(pool, state="completed")
    assert cli("wait", "--for", "state=done", str(task.pk)).code == 0
