"""Does an order become work, and does the server learn all of it?"""

import os

import pytest

from agents.wire import messages as wire
from agents.wire.proofs import task_token
from tests.agent.harness import Agent, carriers
from tests.agent.scripted_server import ScriptedServer
from tests.agent.words import make_order, until_there
from tests.waiting import wait_until

pytestmark = pytest.mark.processes


def test_a_command_reports_start_output_and_exit_code(server: ScriptedServer, agent: Agent):
    agent.ready()
    order = server.shell("echo out; echo err >&2; exit 3")
    end = server.end_of(order)
    assert isinstance(end, wire.Finished)
    assert (end.exit_code, end.signal, end.signal_reason) == (3, None, "")
    assert server.output(order) == b"out\n"
    assert server.output(order, "stderr") == b"err\n"
    started = server.started(order)
    assert started.pid is not None
    assert end.started_at == started.at < end.at


def test_reports_are_dense_from_one_and_the_end_comes_last(server: ScriptedServer, agent: Agent):
    agent.ready()
    go = agent.folder / "go"
    order = server.shell(f"echo 1; {until_there(go)}; echo 2")
    wait_until(lambda: server.output(order) == b"1\n")
    go.touch()
    server.end_of(order)
    heard = server.attempts[order.attempt].heard
    assert [report.seq for report in heard] == list(range(1, len(heard) + 1))
    assert isinstance(heard[0], wire.Started)
    assert len([report for report in heard if isinstance(report, wire.Log)]) > 1


def test_output_arrives_while_the_work_still_runs(server: ScriptedServer, agent: Agent):
    agent.ready()
    order = server.shell("echo early; sleep 60")
    wait_until(lambda: server.output(order) == b"early\n", timeout_s=5)
    assert server.attempts[order.attempt].end is None


def test_noop_orders_end_with_the_code_they_ask_for(server: ScriptedServer, agent: Agent):
    agent.ready()
    orders = [server.order("noop", slot=slot, spec={"exit_code": slot}) for slot in range(4)]
    assert [server.end_of(order).exit_code for order in orders] == [0, 1, 2, 3]


def test_slots_work_side_by_side(server: ScriptedServer, agent: Agent):
    agent.ready()
    meet = agent.folder / "meet"
    meet.mkdir()
    script = f"touch {meet}/$0; while [ $(ls {meet} | wc -l) -lt 4 ]; do sleep 0.02; done"
    orders = [server.run("/bin/sh", "-c", script, str(slot), slot=slot) for slot in range(4)]
    assert [server.end_of(order).exit_code for order in orders] == [0, 0, 0, 0]


def test_the_environment_is_clean_and_names_the_attempt(
    server: ScriptedServer, agent: Agent, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SECRET_OF_THE_AGENT", "x")
    agent.ready()
    spec = {"env": {"MINE": "1", "K8S4R_ATTEMPT": "forged"}}
    order = server.shell("env; pwd", spec=spec)
    server.end_of(order)
    lines = server.output(order).decode().split()
    assert "MINE=1" in lines
    assert f"K8S4R_ATTEMPT={order.attempt}" in lines
    assert f"K8S4R_TASK_ID={order.task.id}" in lines
    assert f"K8S4R_TASK_TOKEN={task_token(order.token)}" in lines
    assert not [line for line in lines if order.token in line]
    assert {"K8S4R=true", "CI=true", "K8S4R_PROJECT=demo", "K8S4R_POOL=default"} <= {*lines}
    assert f"K8S4R_WORKDIR={lines[-1]}" in lines
    assert not [line for line in lines if "SECRET_OF_THE_AGENT" in line]


def test_an_order_that_comes_twice_runs_once(server: ScriptedServer, agent: Agent):
    agent.ready()
    order = server.shell(f"echo ran >> {agent.folder}/witness; sleep 0.5")
    server.started(order)
    server.repeat_orders.add(order.attempt)
    other = server.order("noop", slot=1)
    server.end_of(other)
    server.end_of(order)
    server.repeat_orders.add(order.attempt)
    server.end_of(server.order("noop", slot=2))
    assert (agent.folder / "witness").read_text() == "ran\n"


def test_an_order_waits_for_its_slot(server: ScriptedServer, agent: Agent):
    agent.ready()
    first = server.shell("sleep 0.4")
    server.started(first)
    second = server.shell("true")
    assert server.end_of(second).started_at >= server.end_of(first).at


def test_nothing_of_an_acknowledged_attempt_stays_on_disk(server: ScriptedServer, agent: Agent):
    agent.ready()
    order = server.shell("mkdir -p deep/er; echo x > deep/er/file; echo out")
    server.end_of(order)
    folders = [agent.spool / name for name in ("attempts", "output", "trash")]
    wait_until(lambda: not any(list(folder.iterdir()) for folder in folders))
    assert carriers(order.attempt) == []


def test_who_still_has_a_working_folder_open_reaches_none_of_a_later_attempt(
    server: ScriptedServer, agent: Agent
):
    agent.ready()
    flag = agent.folder / "go-on"
    order = server.shell(until_there(flag))
    server.started(order)
    folder = agent.spool / "attempts" / str(order.attempt)
    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    flag.touch()
    server.end_of(order)
    wait_until(lambda: not folder.exists())
    server.started(server.shell("sleep 60"))
    with pytest.raises(FileNotFoundError):
        os.open("left-behind", os.O_WRONLY | os.O_CREAT, dir_fd=held)
    os.close(held)


def test_many_orders_in_one_answer_all_run(server: ScriptedServer, agent: Agent):
    agent.ready("--slots", "64")
    orders = [make_order("exec", spec={"argv": ["/bin/true"]}, slot=slot) for slot in range(64)]
    server.give(*orders)
    assert {server.end_of(order).exit_code for order in orders} == {0}
