"""Does work go on, and is everything delivered once, when the link or the server goes away?"""

import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from agents.client import seam
from agents.client.clock import BootClock
from agents.client.processes import RUNNER_MARK
from agents.wire import messages as wire
from tests.agent.harness import Agent, is_alive
from tests.agent.scripted_server import ScriptedServer
from tests.agent.words import problem, until_there
from tests.waiting import wait_until

pytestmark = pytest.mark.processes

COUNTING = "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo $i; sleep 0.1; done"
COUNTED = "".join(f"{number}\n" for number in range(1, 13)).encode()


def test_a_killed_link_costs_running_work_nothing(server: ScriptedServer, agent: Agent):
    agent.ready()
    go = agent.folder / "go"
    order = server.shell(f"echo $$; {COUNTING}; {until_there(go)}; exit 6")
    pid = server.started(order).pid
    before = len(server.sessions)
    first = agent.link()
    first.kill()
    second = wait_until(lambda: _another(agent, first.pid))
    assert second != first.pid
    wait_until(lambda: len(server.sessions) > before)
    assert server.sessions[before].held == [
        wire.Held(attempt=order.attempt, token=order.token, running=True, slot=0)
    ]
    go.touch()
    end = server.end_of(order)
    assert server.output(order) == f"{pid}\n".encode() + COUNTED
    assert end.exit_code == 6
    assert end.at - end.started_at >= 1.2
    assert {opened.session for opened in server.sessions} == {server.sessions[0].session}


def test_a_link_that_dies_again_and_again_loses_nothing(server: ScriptedServer, agent: Agent):
    agent.ready()
    order = server.shell(f"{COUNTING}; exit 6")
    pid = server.started(order).pid
    for _ in range(4):
        link = agent.link()
        link.kill()
        wait_until(lambda link=link: _another(agent, link.pid))
    assert server.end_of(order).exit_code == 6
    assert server.output(order) == COUNTED
    assert server.started(order).pid == pid


def test_a_link_that_breaks_ends_no_work(server: ScriptedServer, tmp_path: Path):
    session = uuid4()
    (tmp_path / "enrolment").write_text(server.script.enrolment_token)
    # Where the link keeps its identity before it uses it: that fails, and nobody foresaw it.
    (tmp_path / "identity.new").mkdir()
    work = subprocess.Popen(["sleep", "60"], env={RUNNER_MARK: str(session)})
    runner, theirs = socket.socketpair()
    with theirs:
        link = subprocess.Popen(
            [sys.executable, "-m", "agents.client.link", str(theirs.fileno()), str(session), "0"],
            pass_fds=[theirs.fileno()],
        )
    try:
        for frame in _greeting(server.url, session, tmp_path):
            runner.sendall(seam.framed(frame))
        link.wait(20)
        assert server.registrations
        assert work.poll() is None
    finally:
        link.kill()
        work.kill()
        link.wait()
        work.wait()
        runner.close()


def test_work_that_ends_while_the_link_is_away_is_reported_with_its_own_times(
    server: ScriptedServer, agent: Agent
):
    agent.ready()
    order = server.shell("sleep 0.3; echo done")
    started = server.started(order)
    agent.link().send_signal(signal.SIGSTOP)
    wait_until(lambda: not is_alive(started.pid))
    threading.Event().wait(1.0)
    back = BootClock().now()
    agent.link().kill()
    end = server.end_of(order)
    assert end.exit_code == 0
    assert started.at + 0.3 <= end.at < back
    assert server.output(order) == b"done\n"


def test_a_server_that_was_away_learns_the_result_once(server: ScriptedServer, agent: Agent):
    agent.ready()
    order = server.shell("sleep 0.4; echo done")
    started = server.started(order)
    server.stop()
    wait_until(lambda: not is_alive(started.pid))
    threading.Event().wait(1.0)
    back = BootClock().now()
    server.start()
    end = server.end_of(order)
    assert (end.exit_code, server.output(order)) == (0, b"done\n")
    assert started.at + 0.4 <= end.at < back
    ends = [one for one in server.attempts[order.attempt].heard if isinstance(one, wire.Finished)]
    assert len(ends) == 1
    server.end_of(server.order("noop"))


def test_an_answer_that_was_lost_makes_a_duplicate_and_no_harm(
    server: ScriptedServer, agent: Agent
):
    agent.ready()
    lost = iter([True, True])
    server.lose_answer_to_reports = lambda: next(lost, False)
    order = server.shell("echo hello")
    assert server.end_of(order).exit_code == 0
    heard = server.attempts[order.attempt].heard
    wait_until(lambda: len({report.seq for report in heard}) < len(heard))
    wait_until(lambda: order.attempt not in server.claims[-1].held)
    assert server.output(order) == b"hello\n"


def test_a_server_that_asks_for_earlier_reports_gets_them(server: ScriptedServer, agent: Agent):
    agent.ready()
    go = agent.folder / "go"
    order = server.shell(f"echo one; {until_there(go)}; echo two")
    wait_until(lambda: server.output(order) == b"one\n")
    told = server.attempts[order.attempt]
    wait_until(lambda: len(told.reports) == 2)
    told.reports.pop()
    go.touch()
    end = server.end_of(order)
    assert end.exit_code == 0
    assert server.output(order).endswith(b"two\n")
    assert [report.seq for report in told.reports] == list(range(1, len(told.reports) + 1))


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_server_is_asked_again(server: ScriptedServer, agent: Agent, status: int):
    times = iter(range(3))
    server.script.answer_instead["reports"] = lambda: (
        problem(status, "busy", retry_after="0") if next(times, None) is not None else None
    )
    agent.ready()
    assert server.end_of(server.order("noop")).exit_code == 0
    assert next(times, None) is None


def test_a_session_that_the_server_forgot_is_opened_again(server: ScriptedServer, agent: Agent):
    agent.ready()
    go = agent.folder / "go"
    order = server.shell(f"{until_there(go)}; echo done")
    server.started(order)
    before = len(server.sessions)
    once = iter([True])
    server.script.answer_instead["heartbeat"] = lambda: (
        problem(409, "no_session") if next(once, False) else None
    )
    wait_until(lambda: len(server.sessions) > before)
    assert [held.attempt for held in server.sessions[-1].held] == [order.attempt]
    go.touch()
    assert server.end_of(order).exit_code == 0


def test_after_a_long_silence_the_session_is_said_again(server: ScriptedServer, agent: Agent):
    agent.ready()
    order = server.shell("sleep 300")
    server.started(order)
    before = len(server.sessions)
    server.stop()
    threading.Event().wait(1.0)
    server.start()
    wait_until(lambda: len(server.sessions) > before)
    assert server.sessions[-1].session == server.sessions[0].session
    assert [held.attempt for held in server.sessions[-1].held] == [order.attempt]


def test_one_report_that_the_server_rejects_holds_up_no_other(server: ScriptedServer, agent: Agent):
    agent.ready()
    bad = server.shell("echo poison; sleep 300")
    server.reject_reports_of = bad.attempt
    good = [server.order("noop", slot=slot) for slot in (1, 2, 3)]
    assert [server.end_of(order).exit_code for order in good] == [0, 0, 0]


def _another(agent: Agent, old: int) -> int:
    link = agent.link()
    return link.pid if link.pid != old else 0


def _greeting(url: str, session: UUID, folder: Path) -> list[seam.Frame]:
    setup = seam.Setup(
        session=session,
        boot_id="boot",
        clock_base=0.0,
        url=url,
        name="machine-1",
        state_folder=str(folder),
        labels={},
        drivers=["noop"],
        capabilities={},
        enrolment_token_file=str(folder / "enrolment"),
    )
    return [
        setup,
        seam.Roster(held=[], stopping=[], free=1, draining=False, frames_taken=0, slots=1),
    ]
