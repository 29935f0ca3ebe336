"""When does the agent end, what with, and what has it done by then?"""

import signal
import stat

import msgspec
import pytest

from agents.wire import messages as wire
from tests.agent.harness import Agent, carriers, is_alive
from tests.agent.scripted_server import ScriptedServer
from tests.agent.words import problem, until_there
from tests.waiting import wait_until

pytestmark = pytest.mark.processes


def test_sigterm_finishes_what_runs_and_takes_nothing_new(server: ScriptedServer, agent: Agent):
    agent.ready()
    go = agent.folder / "go"
    order = server.shell(f"{until_there(go)}; echo done")
    server.started(order)
    agent.signal(signal.SIGTERM)
    wait_until(lambda: server.sessions[-1].slots == 0)
    late = server.order("noop", slot=1)
    assert isinstance(server.end_of(late), wire.Refused)
    go.touch()
    assert agent.exit_code() == 0
    assert server.end_of(order).exit_code == 0
    assert server.output(order) == b"done\n"


def test_an_idle_agent_takes_its_slots_back_before_it_is_gone(server: ScriptedServer, agent: Agent):
    agent.ready()
    assert server.sessions[-1].slots == 4
    agent.signal(signal.SIGTERM)
    assert agent.exit_code() == 0
    assert server.sessions[-1].slots == 0


def test_a_second_sigterm_stops_what_runs(server: ScriptedServer, agent: Agent):
    agent.ready()
    order = server.run("sleep", "300")
    server.started(order)
    agent.signal(signal.SIGTERM)
    wait_until(lambda: "agent_draining" in agent.log())
    agent.signal(signal.SIGTERM)
    assert agent.exit_code() == 0
    end = server.end_of(order)
    assert isinstance(end, wire.Stopped)
    assert (end.reason, end.signal) == ("agent_stop", signal.SIGTERM)
    assert carriers(order.attempt) == []


def test_sigquit_stops_at_once(server: ScriptedServer, agent: Agent):
    agent.ready()
    order = server.run("sleep", "300")
    server.started(order)
    agent.signal(signal.SIGQUIT)
    assert agent.exit_code() == 0
    assert server.end_of(order).reason == "agent_stop"


def test_an_agent_that_cannot_deliver_keeps_its_results_for_the_next_start(
    server: ScriptedServer, agent: Agent
):
    agent.ready()
    order = server.run("sleep", "300")
    server.started(order)
    server.stop()
    agent.signal(signal.SIGQUIT)
    assert agent.exit_code() == 1
    server.start()
    agent.start()
    assert server.end_of(order).reason == "agent_stop"


def test_sighup_drains_and_asks_for_a_restart(server: ScriptedServer, agent: Agent):
    agent.ready()
    agent.signal(signal.SIGHUP)
    assert agent.exit_code() == 75


def test_who_asks_for_a_restart_waits_for_the_work_whatever_the_drain_timeout(
    server: ScriptedServer, agent: Agent
):
    agent.ready("--drain-timeout", "0")
    go = agent.folder / "go"
    order = server.shell(f"{until_there(go)}; echo done")
    server.started(order)
    agent.signal(signal.SIGHUP)
    wait_until(lambda: server.sessions[-1].slots == 0)
    late = server.order("noop", slot=1)
    assert isinstance(server.end_of(late), wire.Refused)
    go.touch()
    assert agent.exit_code() == 75
    assert server.output(order) == b"done\n"


def test_once_takes_one_order(server: ScriptedServer, agent: Agent):
    agent.options = ["--slots", "1"]
    agent.ready("--once")
    order = server.shell("sleep 0.3; exit 3")
    assert agent.exit_code() == 0
    assert server.end_of(order).exit_code == 3


def test_disconnect_after_job_leaves_when_the_first_is_done(server: ScriptedServer, agent: Agent):
    agent.ready("--disconnect-after-job")
    go = agent.folder / "go"
    slow = server.shell(until_there(go), slot=1)
    server.started(slow)
    server.end_of(server.order("noop"))
    go.touch()
    assert agent.exit_code() == 0
    assert server.end_of(slow).exit_code == 0


def test_an_idle_agent_leaves_after_its_timeout(server: ScriptedServer, agent: Agent):
    # Longer than a link takes to ask for orders on a busy machine.
    agent.ready("--disconnect-after-idle-timeout", "3")
    assert agent.exit_code() == 0


def test_a_refused_token_ends_with_4_when_told_twice(server: ScriptedServer, agent: Agent):
    agent.ready()
    order = server.run("sleep", "300")
    pid = server.started(order).pid
    server.script.token = "agt_other"
    assert agent.exit_code() == 4
    assert not is_alive(pid)


def test_work_that_nobody_may_repeat_is_finished_before_a_refused_agent_leaves(
    server: ScriptedServer, agent: Agent
):
    agent.ready()
    order = server.shell("sleep 3; echo done; exit 8", disconnect="wait")
    server.started(order)
    server.script.token = "agt_other"
    assert agent.exit_code() == 4
    server.script.token = "agt_first"
    agent.start()
    assert server.end_of(order).exit_code == 8
    assert server.output(order) == b"done\n"


def test_one_refusal_is_forgiven(server: ScriptedServer, agent: Agent):
    agent.ready()
    once = iter([True])
    server.script.answer_instead["claims"] = lambda: (
        problem(401, "token_refused") if next(once, False) else None
    )
    assert server.end_of(server.order("noop")).exit_code == 0
    assert server.end_of(server.order("noop")).exit_code == 0


def test_a_refused_enrolment_token_ends_with_4(server: ScriptedServer, agent: Agent):
    server.script.enrolment_token = "enr_other"
    agent.start()
    assert agent.exit_code() == 4


def test_a_superseded_agent_stops_everything_and_ends_with_1(server: ScriptedServer, agent: Agent):
    agent.ready()
    order = server.run("sleep", "300", disconnect="wait")
    pid = server.started(order).pid
    for call in ("session", "heartbeat", "claims", "reports"):
        server.script.answer_instead[call] = lambda: problem(409, "session_superseded")
    assert agent.exit_code() == 1
    assert not is_alive(pid)


def test_a_server_that_was_restored_and_knows_no_session_gets_it_again(
    server: ScriptedServer, agent: Agent
):
    agent.ready()
    order = server.shell("sleep 1; echo done")
    server.started(order)
    before = len(server.sessions)
    server.script.generation = 2
    for call in ("heartbeat", "claims", "reports"):
        server.script.answer_instead[call] = lambda: (
            problem(409, "session_superseded") if len(server.sessions) == before else None
        )
    assert server.end_of(order).exit_code == 0
    assert agent.log().count("server_was_restored") == 1
    assert len(server.sessions) > before


def test_a_revoked_agent_ends_with_4(server: ScriptedServer, agent: Agent):
    agent.ready()
    server.script.answer_instead["heartbeat"] = lambda: problem(403, "forbidden")
    assert agent.exit_code() == 4


def test_an_agent_without_credentials_ends_with_2(server: ScriptedServer, agent: Agent):
    agent.credentials = []
    agent.start()
    assert agent.exit_code() == 2
    assert "--token-file" in agent.log()


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--slots", "0"], "--slots"),
        (["--labels", "novalue"], "--labels"),
        (["--health-check-addr", "nowhere"], "--health-check-addr"),
        (["--kill-grace", "40"], "kill grace"),
        (["--config", "/no/such/file.toml"], "--config"),
        (["--spool", "/proc/nowhere"], "--spool"),
        (["--no-such-option"], "--no-such-option"),
    ],
)
def test_a_wrong_option_ends_with_2_and_is_named(agent: Agent, options: list[str], word: str):
    done = agent.call(*agent.command("start"), *options)
    assert done.returncode == 2
    assert word in done.stderr


def test_a_registered_agent_is_the_same_one_after_a_restart(server: ScriptedServer, agent: Agent):
    agent.ready("--labels", "zone=a", "--labels", "gpu=yes")
    agent.signal(signal.SIGTERM)
    assert agent.exit_code() == 0
    agent.ready()
    assert len(server.registrations) == 1
    assert server.registrations[0].labels == {"zone": "a", "gpu": "yes"}
    identity = agent.spool / "identity.json"
    assert stat.S_IMODE(identity.stat().st_mode) == 0o600


def test_a_rotated_token_is_stored_before_it_is_used(server: ScriptedServer, agent: Agent):
    agent.ready()
    server.script.rotate_to = "agt_second"
    wait_until(lambda: "agt_second" in server.tokens_seen)
    assert b"agt_second" in (agent.spool / "identity.json").read_bytes()
    agent.kill_runner()
    agent.ready()
    assert server.end_of(server.order("noop")).exit_code == 0


def test_a_given_token_is_used_until_a_newer_file_replaces_it(server: ScriptedServer, agent: Agent):
    file = agent.folder / "token"
    file.write_bytes(msgspec.json.encode({"id": server.agent, "token": "agt_first"}))
    agent.credentials = ["--token-file", str(file)]
    agent.ready()
    server.script.rotate_to = "agt_second"
    wait_until(lambda: "agt_second" in server.tokens_seen)
    agent.signal(signal.SIGTERM)
    assert agent.exit_code() == 0
    agent.ready()
    agent.signal(signal.SIGTERM)
    assert agent.exit_code() == 0
    server.script.token = "agt_third"
    file.write_text("agt_third")
    agent.credentials += ["--agent-id", str(server.agent)]
    agent.ready()
    assert server.registrations == []


def test_options_come_from_the_environment_too(server: ScriptedServer, agent: Agent):
    agent.options = []
    agent.variables = {"K8S4R_AGENT_SLOTS": "7", "K8S4R_AGENT_LABELS": "a=1 b=2"}
    agent.ready()
    assert server.sessions[-1].slots == 7
    assert server.registrations[-1].labels == {"a": "1", "b": "2"}
