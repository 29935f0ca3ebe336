"""Whose is a process that an attempt left to the runner?"""

import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

from agents.client import processes
from agents.client.cgroup import Cgroups
from agents.client.drivers.base import Child
from agents.client.runner.attempt import Attempt, Phase
from agents.client.runner.belongings import Belongings
from tests.agent.words import make_order

PAUSE = "import sys; sys.stdin.read()"


def a_process(**env: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", PAUSE], stdin=subprocess.PIPE, env=env)


def end(*all_of_them: "subprocess.Popen[bytes]") -> None:
    for one in all_of_them:
        one.kill()
        one.wait()
        assert one.stdin is not None
        one.stdin.close()


def an_attempt(process: "subprocess.Popen[bytes]", *, start_ticks: int = 0) -> Attempt:
    child = Child(
        pid=process.pid,
        pidfd=os.pidfd_open(process.pid),
        start_ticks=start_ticks,
        output_limit_bytes=1,
        kill_grace_s=1.0,
    )
    return Attempt(make_order(), phase=Phase.RUNNING, child=child)


def test_a_daemon_without_a_mark_is_not_taken_from_the_attempt_whose_group_holds_it(
    tmp_path: Path,
):
    firsts = [a_process(), a_process()]
    daemon = a_process()
    ending, going_on = (an_attempt(one) for one in firsts)
    session = uuid4()
    group = tmp_path / f"k8s4r-{session}" / str(going_on.id)
    group.mkdir(parents=True)
    own = [pid for pid in processes.children() if pid != daemon.pid]
    live = [ending, going_on]
    belongings = Belongings(lambda: live, lambda: own, Cgroups(tmp_path, session))
    try:
        assert belongings.left_by(ending) == {daemon.pid}
        (group / "cgroup.procs").write_text(f"{going_on.child.pid}\n{daemon.pid}\n")
        going_on.enclosed = True
        assert belongings.left_by(ending) == set()
        assert belongings.left_by(going_on) == {daemon.pid}
    finally:
        end(*firsts, daemon)
        for attempt in live:
            os.close(attempt.child.pidfd)


def test_what_a_process_leaves_that_ends_during_the_look_is_seen():
    first, anothers, parent = a_process(), a_process(), a_process()
    own = [pid for pid in processes.children() if pid not in {anothers.pid, parent.pid}]
    # `anothers` is older than the attempt, so that others are asked about it, in mid-look.
    attempt = an_attempt(first, start_ticks=2**62)
    left: list[subprocess.Popen[bytes]] = []
    looks = iter(["at the list"])

    def live() -> list[Attempt]:
        if next(looks, None) is None and not left:
            left.append(a_process(K8S4R_ATTEMPT=str(attempt.id)))
            parent.kill()
            os.waitid(os.P_PID, parent.pid, os.WEXITED | os.WNOWAIT)
        return [attempt]

    try:
        assert Belongings(live, lambda: own, None).left_by(attempt) == {left[0].pid}
    finally:
        end(first, anothers, parent, *left)
        os.close(attempt.child.pidfd)
