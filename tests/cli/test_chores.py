"""The command lines of the chores, against a served gateway and a real agent."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.core.states import Observed
from agents.models import Agent
from executors.models import Task
from k8s4r import clock
from k8s4r.access.models import Token, TokenKind
from tests import fleet
from tests.builders import a_pool, a_project, a_task, a_tasks, a_user, seconds, state_of
from tests.cli.conftest import COMMAND
from tests.serving import an_agents_token
from tests.waiting import wait_until


@pytest.fixture
def machine(cli, pool, tmp_path: Path) -> Iterator[Agent]:
    """Return an agent that was made by pasting the line of `k8s4r agent add`."""
    line = cli("agent", "add", "--label", "rack").out
    folder = tmp_path / "machine"
    folder.mkdir()
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(folder),
        "K8S4R_AGENT_NAME": "web-1",
        "K8S4R_AGENT_LABELS": "rack=7",
        "K8S4R_AGENT_SLOTS": "2",
        "K8S4R_AGENT_SPOOL": str(folder / "spool"),
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            ["bash", "-c", f"{line.strip().replace('&& k8s4r-agent', '&& exec k8s4r-agent')}"],
            cwd=folder, env=environment, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        wait_until(
            lambda: Agent.objects.filter(observed=Observed.ONLINE).exists() or process.poll(),
            timeout_s=30,
        )
        assert process.poll() is None, (folder / "log").read_text()
        yield Agent.objects.get()
    finally:
        fleet.end(process)


def test_the_pasted_line_makes_a_machine_that_works_at_once(cli, machine):
    assert (machine.name, machine.labels) == ("web-1", {"rack": "7"})
    said = cli("run", "--require", "rack=7", "--", "sh", "-c", "echo out; echo err >&2; exit 3")
    assert (said.code, said.out) == (3, "out\n")
    assert "err" in said.err.splitlines()
    assert said.err.splitlines()[-1] == "failed: exit code 3"


def test_a_task_tells_how_far_it_is_and_pins_a_text_to_its_page(cli, machine, tmp_path):
    go_on = tmp_path / "go-on"
    script = (
        '"$K8S4R_AGENT" annotate --context tests --style warning "**2** failed" || exit 9\n'
        '"$K8S4R_AGENT" progress 40% --text "4 of 10" || exit 8\n'
        f"until [ -e {go_on} ]; do sleep 0.05; done"
    )
    process = cli.start("run", "--name", "told", "--", "sh", "-c", script)
    lines = iter(process.stderr.readline, "")
    assert "40 %, 4 of 10\n" in lines
    described = cli("describe", "task", "told").out.splitlines()
    assert "40 % done: 4 of 10" in described
    assert described[described.index("tests (warning, by attempt 1)") + 1] == "  **2** failed"
    go_on.touch()
    process.communicate(timeout=60)
    assert process.returncode == 0


def test_the_token_of_the_line_is_good_once(cli, machine):
    token = Token.objects.get(kind=TokenKind.ENROLMENT)
    assert (token.uses, token.max_uses) == (1, 1)
    assert token.expires_at - token.created_at <= seconds(15 * 60)


def test_a_task_is_run_again_with_one_parameter_changed(cli, machine):
    argv = ["sh", "-c", "echo mode $MODE depth $DEPTH; exit $CODE"]
    first = cli(
        "run", "--name", "build", "-e", "MODE=full", "-e", "DEPTH=2", "-e", "CODE=1",
        "--timeout", "1h", "--", *argv,
    )  # fmt: skip
    assert (first.code, first.out) == (1, "mode full depth 2\n")
    again = cli("rerun", "build", "--set", "env.MODE=quick", "--set", "env.CODE=0", "-f")
    parent, child = Task.objects.order_by("id")
    assert (again.code, again.out) == (0, "mode quick depth 2\n")
    assert '  spec.env.MODE: "full" -> "quick"' in again.err.splitlines()
    assert (child.parent_id, child.run_timeout_s, child.name) == (parent.pk, 3_600, "build")


def test_only_what_failed_is_run_again_after_one_question(cli, pool):
    now = clock.now()
    failed = [a_task(pool, state="failed", ended_at=now, labels={"batch": "7"}) for _ in range(3)]
    a_task(pool, state="completed", ended_at=now, labels={"batch": "7"})
    a_task(pool, state="failed", ended_at=now, labels={"batch": "8"})
    asked = cli("rerun", "--failed", "-l", "batch=7")
    assert (asked.code, asked.out) == (2, "")
    assert "3 tasks with batch=7" in asked.err
    assert "hint: say so with --yes" in asked.err
    said = cli("rerun", "--failed", "-l", "batch=7", "--yes")
    assert (said.code, said.out) == (0, "3 submitted\n")
    assert {task.parent_id for task in Task.objects.exclude(parent=None)} == {
        task.pk for task in failed
    }
    assert (
        "nothing failed that was not run again"
        in cli("rerun", "--failed", "-l", "batch=7", "--yes").err
    )


def test_everything_of_one_person_is_stopped_beyond_any_page(cli, pool):
    alice, bob = a_user(), a_user("bob")
    hold = {"run_after": clock.now() + seconds(86_400)}
    a_tasks(pool, 5_203, owner=bob, **hold)
    a_tasks(a_pool(name="gpus"), 2, owner=bob, **hold)
    mine = a_task(pool, owner=alice, **hold)
    shown = cli("cancel", "--by", "bob", "--dry-run", "server")
    assert shown.out == (
        "total  5205\nstate  pending  5205\npool   default/default  5203\npool   default/gpus  2\n"
    )
    said = cli("cancel", "--by", "bob", "--yes")
    assert (said.code, said.out) == (0, "5205 cancelled\n")
    assert "by pool   default/default 5203, default/gpus 2" in said.err
    assert not Task.objects.filter(owner=bob).exclude(state="cancelled").exists()
    assert state_of(mine) == "pending"


def test_a_project_that_is_set_is_where_tasks_are_cancelled(cli, pool):
    hold = {"run_after": clock.now() + seconds(86_400)}
    here = a_task(pool, **hold)
    there = a_task(a_pool(project=a_project("web"), name="default"), **hold)
    said = cli("cancel", "--by", "me", "--yes", K8S4R_PROJECT="web")
    assert said.out == "1 cancelled\n"
    assert "1 task of me, in project web" in said.err
    assert (state_of(here), state_of(there)) == ("pending", "cancelled")
    assert cli("cancel", "--by", "me", "-A", "--yes", K8S4R_PROJECT="web").out == "1 cancelled\n"


def test_a_running_task_of_that_person_is_stopped_by_its_machine(cli, machine):
    process = cli.start("run", "--", "sleep", "600")
    task = wait_until(lambda: Task.objects.filter(state="running").first())
    said = cli("cancel", "--by", "me", "--yes", "-o", "json")
    (item,) = json.loads(said.out)["items"]
    assert (item["id"], item["stopping"]) == (str(task.pk), True)
    process.communicate(timeout=60)
    assert process.returncode == 2
    assert state_of(task) == "cancelled"


class Typed:
    """A command on a terminal of its own, and a person who types when they have read enough."""

    def __init__(self, cli, *arguments: str) -> None:
        self._ours, theirs = pty.openpty()
        # With a terminal that controls it, so that Ctrl-C is a signal.
        self.process = subprocess.Popen(
            ["setsid", "--ctty", "--wait", *COMMAND, *arguments],
            stdin=theirs, stdout=theirs, stderr=theirs, env=cli.environment,
        )  # fmt: skip
        os.close(theirs)
        self.seen = ""

    def reads(self, words: str) -> None:
        """Read until these words came."""
        while words not in self.seen:
            self.seen += os.read(self._ours, 65_536).decode()

    def types(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    def ends(self) -> int:
        """Read to the end and return the exit code."""
        while True:
            try:
                self.seen += os.read(self._ours, 65_536).decode()
            except OSError:
                break
        os.close(self._ours)
        return self.process.wait(30)


@pytest.mark.parametrize(
    ("answer", "code", "state"), [("y\n", 0, "cancelled"), ("\n", 2, "pending")]
)
def test_one_question_is_asked_and_its_answer_counts(cli, pool, answer, code, state):
    task = a_task(pool, run_after=clock.now() + seconds(86_400))
    person = Typed(cli, "cancel", "--by", "me")
    person.reads("cancel 1 task? [y/N]")
    person.types(answer)
    assert (person.ends(), state_of(task)) == (code, state)


def test_two_presses_of_ctrl_c_cancel_the_task_and_each_says_what_the_next_does(cli, machine):
    person = Typed(cli, "run", "--", "sleep", "600")
    person.reads("running on web-1")
    person.types("\x03")
    person.reads("Ctrl-C again within 3 s cancels the task")
    person.types("\x03")
    person.reads("cancelling; Ctrl-C again stops waiting for its end")
    assert person.ends() == 130
    assert "\N{REPLACEMENT CHARACTER}" not in person.seen
    assert state_of(Task.objects.get()) == "cancelled"


def test_who_followed_a_log_on_a_terminal_is_told_where_its_last_line_is(cli, machine):
    task_id = cli("run", "-d", "--", "printf", "one\\ntwo\\n").out.strip()
    person = Typed(cli, "logs", "-f", task_id)
    assert person.ends() == 0
    assert f"/admin/executors/task/{task_id}/change/#L2" in person.seen


def test_ctrl_c_ends_the_waiting_of_a_drain_and_not_the_drain(cli, machine):
    cli("run", "-d", "--", "sleep", "600")
    wait_until(lambda: Task.objects.filter(state="running").first())
    person = Typed(cli, "drain", "web-1", "--wait")
    person.reads("1 left on web-1")
    person.types("\x03")
    person.reads("they still drain. k8s4r resume ends that")
    assert person.ends() == 130
    machine.refresh_from_db()
    assert machine.desired == "draining"
    cli("cancel", "--by", "me", "--yes")


def test_a_drain_names_what_is_left_and_ends_when_it_is_safe(cli, machine, tmp_path):
    go = tmp_path / "go"
    cli("run", "-d", "--name", "slow", "--", "sh", "-c", f"until test -e {go}; do sleep 0.1; done")
    task = wait_until(lambda: Task.objects.filter(state="running").first())
    process = cli.start("drain", "web-1", "--wait")
    assert process.stdout.readline() == "agent/web-1 draining, online\n"
    assert process.stderr.readline() == "1 left on web-1:\n"
    assert f"task/{task.pk}  slow  running" in process.stderr.readline()
    late = cli("run", "-d", "--", "true").out.strip()
    go.touch()
    out, _ = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "agent/web-1 safe\n")
    assert (state_of(task), state_of(Task.objects.get(pk=late))) == ("completed", "pending")
    machine.refresh_from_db()
    assert machine.desired == "draining"


def test_a_drain_gives_up_waiting_in_time_and_stays_a_drain(cli, machine):
    cli("run", "-d", "--", "sleep", "600")
    wait_until(lambda: Task.objects.filter(state="running").first())
    said = cli("drain", "web-1", "--wait", "--timeout", "1")
    assert said.code == 6
    assert "still draining" in said.err
    machine.refresh_from_db()
    assert machine.desired == "draining"
    cli("cancel", "--by", "me", "--yes")


def test_a_token_is_rotated_over_the_live_connection(cli, machine, settings):
    before = Token.objects.get(kind=TokenKind.AGENT)
    said = cli("rotate", "agent/web-1", "--wait", "--timeout", "1m")
    assert (said.code, said.out) == (0, "agent/web-1 rotated\n")
    before.refresh_from_db()
    after = Token.objects.get(kind=TokenKind.AGENT, revoked_at=None)
    assert before.revoked_at is not None
    assert after.supersedes_id == before.pk
    assert cli("run", "--", "echo", "still here").out == "still here\n"


def test_a_rotation_of_an_agent_that_is_away_stays_due(cli, agent):
    an_agents_token(agent)
    Agent.objects.filter(pk=agent.pk).update(observed=Observed.OFFLINE)
    said = cli("rotate", "web-1", "--wait", "--timeout", "1")
    assert said.code == 6
    assert "agent/web-1 is offline: it gets the new token when it is back" in said.err
    assert Token.objects.get(subject=agent.pk).rotating


def test_a_live_log_is_followed_by_name_in_every_state(cli, machine):
    waits = cli("run", "-d", "--name", "never", "--require", "gpu=a100", "--", "true").out.strip()
    process = cli.start("logs", "-f", "never")
    assert process.stderr.readline().startswith("waiting (")
    cli("cancel", waits)
    process.communicate(timeout=30)
    assert process.returncode == 2
    cli("run", "-d", "--name", "live", "--", "sh", "-c", "for n in 1 2 3; do echo $n; done; exit 4")
    followed = cli("logs", "-f", "live")
    assert (followed.code, followed.out) == (4, "1\n2\n3\n")
    assert cli("logs", "live").out == "1\n2\n3\n"
