"""What is left when the runner dies, and what does the next one make of it?"""

import signal

import psutil
import pytest

from agents.client.clock import BootClock
from agents.wire import messages as wire
from tests.agent.harness import Agent, carriers, is_alive
from tests.agent.scripted_server import ScriptedServer
from tests.waiting import wait_until

pytestmark = pytest.mark.processes

QUICK = ("--kill-grace", "1", "--stop-margin", "30")


def test_no_process_outlives_a_killed_runner(server: ScriptedServer, agent: Agent):
    agent.ready(*QUICK)
    plain = server.run("sleep", "300")
    daemon = server.shell("setsid sleep 300 & trap '' TERM; sleep 300; sleep 300", slot=1)
    server.started(plain)
    wait_until(lambda: len(carriers(daemon.attempt)) >= 3)
    link = agent.link()
    agent.kill_runner()
    wait_until(lambda: not carriers(plain.attempt) and not carriers(daemon.attempt))
    wait_until(lambda: not is_alive(link.pid))


def test_the_next_runner_reports_what_was_lost(server: ScriptedServer, agent: Agent):
    agent.ready(*QUICK)
    order = server.shell("echo before; sleep 300")
    wait_until(lambda: server.output(order) == b"before\n")
    agent.kill_runner()
    agent.start(*QUICK)
    end = server.end_of(order)
    assert isinstance(end, wire.Stopped)
    assert end.reason == "runner_lost"
    assert server.sessions[-1].session != server.sessions[0].session
    held = wire.Held(attempt=order.attempt, token=order.token, running=False)
    assert server.sessions[-1].held == [held]
    assert server.end_of(server.order("noop")).exit_code == 0


def test_the_next_runner_ends_what_was_left_before_it_says_hello(
    server: ScriptedServer, agent: Agent
):
    agent.ready(*QUICK)
    order = server.shell("setsid sleep 300 & sleep 300")
    wait_until(lambda: len(carriers(order.attempt)) >= 3)
    link = agent.link()
    agent.signal(signal.SIGSTOP)
    link.kill()
    agent.kill_runner()
    assert len(carriers(order.attempt)) >= 3
    opened = len(server.sessions)
    agent.start(*QUICK)
    wait_until(lambda: len(server.sessions) > opened or not carriers(order.attempt))
    assert carriers(order.attempt) == []
    assert server.end_of(order).reason == "runner_lost"


def test_what_work_wrote_after_the_last_look_is_not_lost(server: ScriptedServer, agent: Agent):
    agent.ready("--kill-grace", "5", "--stop-margin", "30")
    # A loop: the shell must be there to say farewell, also when its child is ended before it.
    work = "while :; do sleep 300 & wait; done"
    order = server.shell(f"trap 'echo farewell; exit 0' TERM; echo up; {work}")
    wait_until(lambda: server.output(order) == b"up\n")
    wait_until(lambda: len(carriers(order.attempt)) == 2)
    agent.kill_runner()
    wait_until(lambda: not carriers(order.attempt))
    agent.start(*QUICK)
    assert server.end_of(order).reason == "runner_lost"
    assert server.output(order) == b"up\nfarewell\n"


def test_results_outlive_both_processes(server: ScriptedServer, agent: Agent):
    agent.ready()
    order = server.shell("sleep 0.3; echo done; exit 9")
    started = server.started(order)
    server.stop()
    wait_until(lambda: b"attempt_ended" in agent.log().encode())
    link = agent.link()
    agent.kill_runner()
    wait_until(lambda: not is_alive(link.pid))
    back = BootClock().now()
    server.start()
    agent.start()
    end = server.end_of(order)
    assert isinstance(end, wire.Finished)
    assert (end.exit_code, server.output(order)) == (9, b"done\n")
    assert started.at <= end.at < back


def test_two_runners_cannot_share_a_spool(server: ScriptedServer, agent: Agent):
    agent.ready()
    second = agent.call(*agent.command("start"))
    assert second.returncode == 1
    assert "another runner" in second.stderr


def test_a_runner_that_dies_again_and_again_is_followed_by_one_that_works(
    server: ScriptedServer, agent: Agent
):
    for _ in range(3):
        agent.ready(*QUICK)
        order = server.run("sleep", "300")
        server.started(order)
        agent.kill_runner()
    agent.start(*QUICK)
    assert [server.end_of(told.order).reason for told in server.attempts.values()] == (
        ["runner_lost"] * 3
    )


def test_a_frozen_runner_gets_no_heartbeats(server: ScriptedServer, agent: Agent):
    agent.ready()
    agent.signal(signal.SIGSTOP)
    wait_until(lambda: psutil.Process(agent.pid).status() == psutil.STATUS_STOPPED)
    server.stop()
    server.start()
    before = len(server.heartbeats)
    agent.link()
    assert not server.waits_for_heartbeat(seconds=1.0, after=before + 1)
    agent.signal(signal.SIGCONT)
    assert server.waits_for_heartbeat(seconds=10.0, after=before + 1)
