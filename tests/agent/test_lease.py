"""Does the runner stop work by itself in time, and only the work that it should?"""

import signal
import threading

import pytest

from agents.wire import messages as wire
from tests.agent.harness import Agent, carriers, is_alive
from tests.agent.scripted_server import ScriptedServer
from tests.agent.words import until_there
from tests.waiting import wait_until

pytestmark = pytest.mark.processes

# Work with `lost_after_s=6` is stopped 3 s after the last heartbeat that was answered.
SHORT = ("--stop-margin", "3", "--kill-grace", "0.5")


@pytest.mark.parametrize("policy", ["replace", "stop"])
def test_without_the_server_work_stops_before_it_is_lost(
    server: ScriptedServer, agent: Agent, policy: str
):
    agent.ready(*SHORT)
    order = server.shell("trap '' TERM; sleep 300; sleep 300", disconnect=policy, lost_after_s=6)
    server.started(order)
    server.stop()
    last = server.heartbeats[-1].sent_at
    wait_until(lambda: not carriers(order.attempt))
    server.start()
    end = server.end_of(order)
    assert isinstance(end, wire.Stopped)
    assert end.reason == "disconnected"
    assert last + 3 <= end.at < last + 6


@pytest.mark.parametrize("begun", ["a stop", "the end of its first process"])
def test_a_long_grace_does_not_outlast_the_lease(server: ScriptedServer, agent: Agent, begun: str):
    agent.ready(*SHORT)
    up = agent.folder / "up"
    stubborn = f"trap '' TERM; touch {up}; echo up; sleep 300; sleep 300"
    first_ends = f'setsid sh -c "{stubborn}" & {until_there(up)}'
    script = stubborn if begun == "a stop" else first_ends
    order = server.shell(script, spec={"kill_grace_s": 3600}, lost_after_s=6)
    wait_until(lambda: server.output(order) == b"up\n")
    if begun == "a stop":
        server.ask_to_stop(order, reason="run_deadline")
    wait_until(lambda: order.attempt in server.claims[-1].stopping)
    server.stop()
    last = server.heartbeats[-1].sent_at
    wait_until(lambda: not carriers(order.attempt))
    server.start()
    assert last + 3 <= server.end_of(order).at < last + 6


def test_work_with_policy_wait_runs_on(server: ScriptedServer, agent: Agent):
    agent.ready(*SHORT)
    go = agent.folder / "go"
    script = "for i in 1 2 3 4 5 6 7 8 9; do echo $i; sleep 0.5; done"
    order = server.shell(f"{script}; {until_there(go)}", disconnect="wait", lost_after_s=6)
    other = server.run("sleep", "300", slot=1, lost_after_s=6)
    server.started(order)
    server.started(other)
    server.stop()
    wait_until(lambda: not carriers(other.attempt))
    assert carriers(order.attempt)
    go.touch()
    wait_until(lambda: not carriers(order.attempt))
    server.start()
    end = server.end_of(order)
    assert isinstance(end, wire.Finished)
    assert end.exit_code == 0
    assert end.at - end.started_at >= 4.5
    assert server.output(order) == b"1\n2\n3\n4\n5\n6\n7\n8\n9\n"


def test_the_runner_stops_work_whatever_its_link_does(server: ScriptedServer, agent: Agent):
    agent.ready(*SHORT)
    order = server.run("sleep", "300", lost_after_s=6)
    pid = server.started(order).pid
    agent.link().send_signal(signal.SIGSTOP)
    wait_until(lambda: not is_alive(pid), timeout_s=10)
    agent.link().send_signal(signal.SIGCONT)
    assert server.end_of(order).reason == "disconnected"


def test_a_thawed_runner_stops_late_work_and_starts_no_other(server: ScriptedServer, agent: Agent):
    agent.ready(*SHORT)
    order = server.run("sleep", "300", lost_after_s=6)
    pid = server.started(order).pid
    agent.signal(signal.SIGSTOP)
    witness = agent.folder / "witness"
    late = server.run("touch", str(witness), slot=1, lost_after_s=6)
    threading.Event().wait(3.5)
    agent.signal(signal.SIGCONT)
    wait_until(lambda: not is_alive(pid))
    assert server.end_of(order).reason == "disconnected"
    assert server.end_of(late).reason == "disconnected"
    assert not witness.exists()


def test_heartbeats_keep_work_alive_beyond_its_lease(server: ScriptedServer, agent: Agent):
    agent.ready(*SHORT)
    order = server.shell("sleep 4.5; echo alive", lost_after_s=6)
    assert server.end_of(order).exit_code == 0
    assert server.output(order) == b"alive\n"
