"""create, apply, delete, top, events: things are made, changed, ended and looked at."""

import json

import yaml

from agents.models import Agent
from executors.models import Task
from k8s4r.access.models import Project, Token
from pools.models import Pool
from tests.builders import a_pool, a_project, a_requirement, a_task, a_tasks, an_agent
from tests.cli.work import a_running_task, ends


def test_a_project_and_a_pool_are_made(cli, pool):
    assert cli("create", "project", "web").out == "project/web created\n"
    said = cli(
        "create", "pool", "gpus", "-p", "web", "--require", "gpu=a100", "--max-concurrent", "5",
        "--set", "paused=true",
    )  # fmt: skip
    assert (said.code, said.out) == (0, "pool/gpus created\n")
    made = Pool.objects.get(name="gpus")
    assert (made.project.name, made.required_labels) == ("web", {"gpu": "a100"})
    assert (made.max_concurrent, made.paused) == (5, True)
    refused = cli("create", "pl", "gpus", "-p", "web")
    assert (refused.code, "gpus" in refused.err) == (5, True)


def test_a_dry_run_makes_nothing(cli, pool):
    said = cli("create", "pool", "gpus", "--dry-run", "client")
    assert json.loads(said.out)["name"] == "gpus"
    assert not Pool.objects.filter(name="gpus").exists()


def test_an_agents_endpoint_is_given_and_applied(cli, pool, tmp_path):
    assert cli("create", "agent", "w", "--endpoint", "10.0.0.7:22").code == 0
    assert Agent.objects.get(name="w").endpoint == "10.0.0.7:22"
    file = tmp_path / "w.yaml"
    file.write_text("kind: agent\nname: w\nendpoint: https://w.lan\n")
    said = cli("apply", "-f", str(file))
    assert said.out == 'agent/w changed: endpoint "10.0.0.7:22" -> "https://w.lan"\n'
    assert Agent.objects.get(name="w").endpoint == "https://w.lan"


def test_a_secret_is_the_only_thing_on_stdout(cli, pool):
    for arguments in (("token", "ci", "--days", "7"), ("enrolment-token", "rack"), ("agent", "w")):
        said = cli("create", *arguments)
        assert said.code == 0, said.err
        assert said.out.startswith(("pat_", "enr_", "agt_"))
        assert len(said.out.split()) == 1
        assert "its token is shown this once" in said.err
    token = Token.objects.get(label="ci")
    assert (token.expires_at - token.created_at).days == 7


def test_tasks_of_a_file_are_submitted_all_or_none(cli, pool, tmp_path):
    file = tmp_path / "tasks.yaml"
    file.write_text("driver: noop\nname: a\n---\ndriver: noop\nname: b\n")
    assert len(cli("create", "task", "-f", str(file)).out.splitlines()) == 2
    bad = cli("create", "task", "-f", "-", typed="driver: noop\n---\npriority: 101\n")
    assert (bad.code, "/1/priority" in bad.err) == (2, True)
    assert Task.objects.count() == 2


GPUS = """
kind: project
name: web
---
kind: pool
name: gpus
project: web
max_concurrent: 5
required_labels: {gpu: a100}
"""


def test_a_file_is_applied_once_and_then_changes_nothing(cli, pool, tmp_path):
    file = tmp_path / "web.yaml"
    file.write_text(GPUS)
    planned = cli("apply", "-f", str(file), "--dry-run", "server")
    assert planned.out == "project/web would be created\npool/gpus would be created\n"
    assert not Project.objects.filter(name="web").exists()
    assert cli("apply", "-f", str(file)).out == "project/web created\npool/gpus created\n"
    assert cli("apply", "-f", str(tmp_path)).out == "project/web unchanged\npool/gpus unchanged\n"
    file.write_text(GPUS.replace("5", "50"))
    shown = cli("apply", "-f", str(file), "--dry-run", "server")
    assert "pool/gpus would change: max_concurrent 5 -> 50" in shown.out
    assert Pool.objects.get(name="gpus").max_concurrent == 5
    assert "pool/gpus changed: max_concurrent 5 -> 50" in cli("apply", "-f", str(file)).out
    assert Pool.objects.get(name="gpus").max_concurrent == 50


def test_a_project_is_changed_by_a_file(cli, pool):
    text = "kind: project\nname: default\nweight: {}\n"
    assert cli("apply", "-f", "-", typed=text.format("3.0")).out == (
        "project/default changed: weight 1.0 -> 3.0\n"
    )
    assert Project.objects.get(name="default").weight == 3.0
    assert cli("apply", "-f", "-", typed=text.format("3.0")).out == "project/default unchanged\n"
    refused = cli("apply", "-f", "-", typed=text.format("-1"))
    assert (refused.code, "weight" in refused.err) == (2, True), refused.err


def test_a_file_of_many_things_asks_for_each_kind_once(cli, pool):
    one = "kind: pool\nname: pool-{}\nmax_concurrent: {}\n"
    text = "---\n".join([one.format("a", 1), one.format("b", 1), one.format("a", 2)])
    said = cli("--verbose", "apply", "-f", "-", typed=text)
    assert said.out.splitlines() == [
        "pool/pool-a created", "pool/pool-b created", "pool/pool-a changed: max_concurrent 1 -> 2",
    ]  # fmt: skip
    assert said.err.count("GET ") == 1, said.err


def test_what_get_writes_can_be_applied_again(cli, pool):
    a_pool(name="gpus", max_concurrent=5)
    written = yaml.safe_load(cli("get", "pool", "gpus", "-o", "yaml").out)
    written |= {"kind": "pool", "max_concurrent": 6}
    said = cli("apply", "-f", "-", typed=json.dumps(written))
    assert said.out == "pool/gpus changed: max_concurrent 5 -> 6\n"


def test_a_file_that_nobody_can_mean_changes_nothing(cli, pool):
    for text, words in (
        ("kind: pool\n", "a kind and a name"),
        ("kind: poool\nname: x\n", "did you mean"),
        ("kind: task\nname: x\n", "k8s4r create task"),
        ("kind: pool\nname: default\nmax_conc: 1\n", "no field 'max_conc'"),
        ("a: [", "stdin"),
        ("", "no document"),
    ):
        said = cli("apply", "-f", "-", typed=text)
        assert (said.code, words in said.err) == (2, True), said.err


def test_things_are_deleted_after_one_question(cli, pool):
    an_agent("web-1")
    asked = cli("delete", "agent", "web-1")
    assert (asked.code, asked.out) == (2, "")
    assert "its tokens end now" in asked.err
    assert "say so with --yes" in asked.err
    assert cli("delete", "agent", "web-1", "--dry-run", "server").out == (
        "agent/web-1 would be deleted\n"
    )
    assert Agent.objects.get().archived_at is None
    assert cli("delete", "agent/web-1", "--yes").out == "agent/web-1 deleted\n"
    assert Agent.objects.get().archived_at is not None
    assert cli("delete", "task", "x", "--yes").code == 2


def test_a_token_is_revoked_by_its_label(cli, pool):
    cli("create", "token", "ci")
    assert cli("delete", "token", "ci", "-y").out == "token/ci deleted\n"
    assert Token.objects.get(label="ci").revoked_at is not None


def test_top_shows_the_busiest_agents_and_the_longest_queues(cli, pool, agent):
    an_agent("idle-1")
    a_running_task(pool, agent, "build")
    gpus = a_pool(project=a_project("web"), name="gpus")
    a_tasks(gpus, 3, requirement=a_requirement(gpus, labels={"no": "body"}))
    said = cli("top")
    assert [line.split()[0] for line in said.out.splitlines()[1:]] == ["web-1", "idle-1"]
    assert said.out.splitlines()[1].split()[2:4] == ["1", "2"]
    assert said.err == "1 of 3 slots on 2 agents are busy\n"
    pools = json.loads(cli("top", "pools", "-o", "json").out)["items"]
    assert [(row["name"], row["waiting"], row["running"]) for row in pools] == [
        ("web/gpus", 3, 0),
        ("default/default", 0, 1),
    ]


def test_events_are_shown_and_watched_to_the_end(cli, pool, agent):
    attempt = a_running_task(pool, agent, "build")
    first = cli("events", "build")
    assert "attempt 1" in first.out
    process = cli.start("events", "-w", "build", "-o", "jsonl")
    seen = [json.loads(process.stdout.readline()) for _ in first.out.splitlines()[1:]]
    ends(attempt)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    later = [json.loads(line) for line in out.splitlines()]
    assert "completed" in {event["to_state"] for event in later}
    ids = [event["id"] for event in (*seen, *later)]
    assert len(ids) == len(set(ids))


def test_events_of_a_task_that_waits_are_its_submission(cli, pool):
    a_task(pool, name="x", state="completed")
    assert cli("events", "x", "--no-headers").code == 0
