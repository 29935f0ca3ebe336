"""Is stopped work gone, all of it, before its slot is free again?"""

import contextlib
import signal
import time

import psutil
import pytest

from agents.wire import messages as wire
from tests.agent.harness import Agent, carriers, is_alive
from tests.agent.scripted_server import ScriptedServer
from tests.agent.words import make_order, until_there
from tests.waiting import wait_until

pytestmark = pytest.mark.processes

DAEMON = """
import os, sys, time
if os.fork():
    sys.exit(int(sys.argv[2]))
os.setsid()
if os.fork():
    os._exit(0)
if sys.argv[3] == "wiped":
    os.execve("/bin/sh", ["sh", "-c", f"echo $$ > {sys.argv[1]}.new; mv {sys.argv[1]}.new "
                          f"{sys.argv[1]}; exec sleep 300"], {"PATH": "/usr/bin:/bin"})
open(sys.argv[1] + ".new", "w").write(str(os.getpid()))
os.rename(sys.argv[1] + ".new", sys.argv[1])
time.sleep(300)
"""


def test_a_cancel_ends_the_process_with_sigterm(server: ScriptedServer, agent: Agent):
    agent.ready()
    order = server.run("sleep", "300")
    pid = server.started(order).pid
    server.ask_to_stop(order)
    end = server.end_of(order)
    assert isinstance(end, wire.Stopped)
    assert (end.reason, end.signal) == ("cancel", signal.SIGTERM)
    assert not is_alive(pid)


def test_work_may_end_in_its_own_way_within_the_grace(server: ScriptedServer, agent: Agent):
    agent.ready()
    order = server.shell("trap 'echo bye; exit 7' TERM; echo up; sleep 300 & wait")
    wait_until(lambda: server.output(order) == b"up\n")
    server.ask_to_stop(order)
    end = server.end_of(order)
    assert (end.reason, end.exit_code) == ("cancel", 7)
    assert server.output(order) == b"up\nbye\n"


def test_work_that_ignores_sigterm_is_killed_after_its_grace(server: ScriptedServer, agent: Agent):
    agent.ready()
    spec = {"kill_grace_s": 1}
    order = server.shell("trap '' TERM; echo up; while :; do sleep 0.1; done", spec=spec)
    wait_until(lambda: server.output(order) == b"up\n")
    asked = time.monotonic()
    server.ask_to_stop(order)
    end = server.end_of(order)
    assert (end.reason, end.signal) == ("cancel", signal.SIGKILL)
    assert time.monotonic() - asked >= 1
    assert carriers(order.attempt) == []


def test_the_grace_of_the_directive_wins_over_that_of_the_order(
    server: ScriptedServer, agent: Agent
):
    agent.ready()
    order = server.shell("trap '' TERM; echo up; while :; do sleep 0.1; done")
    wait_until(lambda: server.output(order) == b"up\n")
    server.ask_to_stop(order, grace_s=0)
    assert server.end_of(order, timeout_s=5).signal == signal.SIGKILL


@pytest.mark.parametrize("environment", ["kept", "wiped"])
def test_a_cancel_reaches_daemonised_children(
    server: ScriptedServer, agent: Agent, environment: str
):
    agent.ready()
    note = agent.folder / "daemon"
    script = agent.folder / "daemon.py"
    script.write_text(DAEMON)
    order = server.shell(f"python3 {script} {note} 0 {environment}; sleep 300")
    wait_until(note.exists)
    daemon = int(note.read_text())
    assert is_alive(daemon)
    server.ask_to_stop(order)
    assert server.end_of(order).reason == "cancel"
    assert not is_alive(daemon)


@pytest.mark.parametrize("environment", ["kept", "wiped"])
def test_what_work_leaves_behind_is_ended_before_its_end_is_reported(
    server: ScriptedServer, agent: Agent, environment: str
):
    agent.ready()
    note = agent.folder / "daemon"
    script = agent.folder / "daemon.py"
    script.write_text(DAEMON)
    order = server.run("python3", str(script), str(note), "5", environment)
    end = server.end_of(order)
    assert isinstance(end, wire.Finished)
    assert end.exit_code == 5
    assert not note.exists() or not is_alive(int(note.read_text()))
    assert carriers(order.attempt) == []


def test_a_slot_is_busy_until_the_last_process_is_gone(server: ScriptedServer, agent: Agent):
    agent.ready()
    up = agent.folder / "up"
    stubborn = f"trap '' TERM; touch {up}; for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.1; done"
    first = server.shell(f'setsid sh -c "{stubborn}" & {until_there(up)}; exit 0')
    second = server.shell("true")
    assert server.end_of(second).started_at >= server.end_of(first).at
    assert server.end_of(first).at - server.started(first).at >= 0.9


def test_a_small_fork_bomb_is_ended_whole(server: ScriptedServer, agent: Agent):
    agent.ready()
    bomb = "trap '' TERM; f() { sleep 300 & sleep 300 & [ $1 -gt 0 ] && f $(($1 - 1)) & }; "
    order = server.shell(bomb + "f 20; echo up; sleep 300", spec={"kill_grace_s": 0})
    wait_until(lambda: len(carriers(order.attempt)) > 40)
    server.ask_to_stop(order)
    assert server.end_of(order).reason == "cancel"
    assert carriers(order.attempt) == []


def test_work_that_keeps_forking_into_new_sessions_is_ended(server: ScriptedServer, agent: Agent):
    agent.ready()
    script = agent.folder / "runaway.sh"
    script.write_text("trap '' TERM\nsleep 0.02\nsetsid sh $0 & exit 0\n")
    order = server.shell(f"setsid sh {script} & sleep 300", spec={"kill_grace_s": 0})
    server.started(order)
    server.ask_to_stop(order)
    server.end_of(order)
    assert carriers(order.attempt) == []


def test_a_stop_that_comes_before_its_order_keeps_it_from_starting(
    server: ScriptedServer, agent: Agent
):
    agent.ready()
    order = make_order("exec", spec={"argv": ["touch", str(agent.folder / "witness")]})
    first = server.order("noop", slot=1)
    server.end_of(first)
    blocker = server.shell("sleep 300")
    server.started(blocker)
    server.give(order)
    server.ask_to_stop(order)
    end = server.end_of(order)
    assert isinstance(end, wire.Stopped)
    assert (end.reason, end.started_at, end.seq) == ("cancel", None, 1)
    assert not (agent.folder / "witness").exists()


@pytest.mark.parametrize("reason", ["superseded", "lost"])
def test_superseded_work_is_stopped_and_forgotten_in_silence(
    server: ScriptedServer, agent: Agent, reason: str
):
    agent.ready()
    order = server.run("sleep", "300")
    pid = server.started(order).pid
    server.ask_to_stop(order, reason=reason)
    wait_until(lambda: not is_alive(pid))
    wait_until(lambda: order.attempt not in server.claims[-1].held)
    del server.attempts[order.attempt]
    server.end_of(server.order("noop"))


def test_a_superseded_outcome_stops_the_work(server: ScriptedServer, agent: Agent):
    agent.ready()
    order = server.shell("while :; do echo more; sleep 0.1; done")
    pid = server.started(order).pid
    del server.attempts[order.attempt]
    wait_until(lambda: not is_alive(pid))
    server.end_of(server.order("noop"))


def test_zombies_of_orphans_are_collected_while_work_runs(server: ScriptedServer, agent: Agent):
    agent.ready()
    order = server.shell("for i in 1 2 3 4 5; do (setsid sleep 0.1 &) ; done; sleep 4; echo ok")
    server.started(order)

    def zombies() -> list[psutil.Process]:
        return [one for one in psutil.Process(agent.pid).children() if is_zombie(one)]

    def is_zombie(one: psutil.Process) -> bool:
        with contextlib.suppress(psutil.NoSuchProcess):
            return one.status() == psutil.STATUS_ZOMBIE
        return False

    wait_until(lambda: len(zombies()) > 0, timeout_s=3, every_s=0.01)
    wait_until(lambda: not zombies(), timeout_s=10)
    assert server.end_of(order).exit_code == 0
