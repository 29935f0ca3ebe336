"""A plan stays on the machine that made it, warm, until its apply or its end: whatever dies."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.responses import Response

from agents.wire import messages as wire
from tests.agent.harness import Agent, carriers
from tests.agent.planning_server import PlanningServer
from tests.agent.words import problem, until_there
from tests.waiting import wait_until

pytestmark = pytest.mark.processes

# What only the folder of the plan has, as `terraform init` would leave it; and the plan itself.
MAKE = 'echo warm > cache; printf plan-7 > "$K8S4R_PLAN_FILE"; echo "$K8S4R_PHASE"'
USE = 'cat cache "$K8S4R_PLAN_FILE"; echo " $K8S4R_PHASE"; pwd'


@pytest.fixture
def server() -> Iterator[PlanningServer]:
    scripted = PlanningServer()
    scripted.start()
    yield scripted
    scripted.stop()


def folders(agent: Agent) -> list[Path]:
    return list((agent.spool / "attempts").iterdir())


def test_an_apply_finds_the_folder_and_the_file_of_its_plan(server: PlanningServer, agent: Agent):
    agent.ready()
    plan = server.plan(MAKE, USE)
    server.held(plan)
    assert server.end_of(plan).exit_code == 0
    assert server.output(plan) == b"plan\n"
    assert server.files[plan.attempt] == b"plan-7"
    (folder,) = folders(agent)
    assert server.claims[-1].free == 3
    applied = server.apply(plan)
    end = server.end_of(applied)
    assert isinstance(end, wire.Finished), end
    assert end.exit_code == 0
    assert server.output(applied) == f"warm\nplan-7 apply\n{folder}\n".encode()
    wait_until(lambda: server.claims[-1].free == 4 and not folders(agent))


def test_a_plan_outlives_its_link_and_its_runner_however_they_end(
    server: PlanningServer, agent: Agent
):
    agent.ready()
    plan = server.plan(MAKE, USE)
    server.held(plan)
    held = wire.Held(attempt=plan.attempt, token=plan.token, running=False, slot=0)

    sessions = len(server.sessions)
    agent.link().kill()
    wait_until(lambda: len(server.sessions) > sessions)
    assert server.sessions[-1].held == [held]

    agent.kill_runner()
    agent.ready()
    assert server.sessions[-1].held == [held]

    # Told to go, it does not wait for a person: the next one has the plan.
    agent.signal(signal.SIGTERM)
    assert agent.exit_code() == 0
    agent.ready()
    assert server.sessions[-1].held == [held]
    end = server.end_of(server.apply(plan))
    assert isinstance(end, wire.Finished), end


def test_what_is_not_the_plan_that_was_approved_is_not_applied(
    server: PlanningServer, agent: Agent, tmp_path: Path
):
    agent.ready()
    proof = tmp_path / "applied"
    plan = server.plan(MAKE, f"touch {proof}")
    server.held(plan)
    (folder,) = folders(agent)
    (folder / "k8s4r.plan").write_text("plan-8")
    end = server.end_of(server.apply(plan))
    assert isinstance(end, wire.Refused)
    assert end.reason == "replan_required"
    wait_until(lambda: not folders(agent))

    gone = server.plan(MAKE, f"touch {proof}")
    server.held(gone)
    server.let_go(gone)
    wait_until(lambda: not folders(agent) and server.claims[-1].free == 4)
    assert server.end_of(server.apply(gone)).reason == "replan_required"
    assert not proof.exists()


def test_an_agent_that_takes_nothing_new_still_applies_what_it_planned(
    server: PlanningServer, agent: Agent, tmp_path: Path
):
    reason = tmp_path / "not-now"
    agent.ready("--not-now-file", str(reason))
    plan = server.plan(MAKE, USE)
    server.held(plan)
    reason.write_text("a demo\n")
    wait_until(lambda: server.heartbeats[-1].not_now is not None)
    assert isinstance(server.end_of(server.order("noop", slot=1)), wire.Refused)
    end = server.end_of(server.apply(plan))
    assert isinstance(end, wire.Finished), end


def test_a_lost_apply_says_so_and_a_lost_plan_is_no_plan(
    server: PlanningServer, agent: Agent, tmp_path: Path
):
    agent.ready()
    plan = server.plan(MAKE, until_there(tmp_path / "never"))
    server.held(plan)
    applying = server.apply(plan)
    server.started(applying)
    agent.kill_runner()
    wait_until(lambda: not carriers(applying.attempt))
    agent.ready()
    assert server.end_of(applying).reason == "runner_lost"

    making = server.plan(until_there(tmp_path / "never"))
    server.started(making)
    agent.kill_runner()
    agent.ready()
    assert server.end_of(making).reason == "runner_lost"
    wait_until(lambda: not folders(agent))


def test_a_plan_is_said_to_be_made_only_once_its_file_is_stored(
    server: PlanningServer, agent: Agent
):
    server.script.answer_instead["artifacts"] = lambda: problem(503, "unavailable")
    agent.ready()
    kept = server.plan(MAKE, kind="plan")
    calls = server.calls
    wait_until(lambda: server.output(kept) == b"plan\n" and server.calls > calls + 2)
    assert server.attempts[kept.attempt].end is None
    # The next runner knows only that it did not say so: the plan is made again, elsewhere maybe.
    server.script.answer_instead.clear()
    end = server.end_of(kept)
    assert (end.exit_code, server.files[kept.attempt]) == (0, b"plan-7")
    wait_until(lambda: not folders(agent))


@pytest.mark.parametrize("now", ["plan-7 and more", "plan"])
def test_a_plan_that_somebody_changes_before_it_is_stored_fails_by_name(
    server: PlanningServer, agent: Agent, now: str
):
    def change() -> Response:
        server.script.answer_instead.clear()
        (folder,) = folders(agent)
        (folder / "k8s4r.plan").write_text(now)
        return problem(503, "unavailable")

    server.script.answer_instead["artifacts"] = change
    agent.ready()
    end = server.end_of(server.plan(MAKE))
    assert end.signal_reason == "plan_not_stored"
    assert end.message == f"the file had 6 bytes and now has {len(now)}"
    assert not server.files


@pytest.mark.parametrize(
    ("make", "why"),
    [
        ('ln -s /etc/hostname "$K8S4R_PLAN_FILE"', "cannot be read"),
        ('truncate -s 65M "$K8S4R_PLAN_FILE"', "68157440 bytes"),
    ],
)
def test_what_cannot_be_kept_as_a_plan_fails_by_name(
    server: PlanningServer, agent: Agent, make: str, why: str
):
    agent.ready()
    end = server.end_of(server.plan(make))
    assert (end.exit_code, end.signal_reason) == (None, "plan_not_stored")
    assert why in end.message
