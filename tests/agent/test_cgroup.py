"""Where the kernel can hold processes together, does it, and is nothing left of it?"""

import os
import signal
import subprocess
from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest

from agents.client import cgroup
from agents.client.cgroup import Cgroups
from tests.agent.harness import is_alive
from tests.waiting import wait_until

pytestmark = pytest.mark.skipif(
    cgroup.base() is None, reason="this machine lets us make no groups in a cgroup v2 tree"
)


@pytest.fixture
def session() -> UUID:
    return uuid4()


@pytest.fixture
def groups(session: UUID) -> Iterator[Cgroups]:
    made = cgroup.of_runner(session)
    assert made is not None
    yield made
    made.close()


@pytest.fixture
def family() -> Iterator["subprocess.Popen[bytes]"]:
    """A process with a child that has a session and an environment of its own."""
    script = "setsid env -i sleep 300 & sleep 300"
    process = subprocess.Popen(["/bin/sh", "-c", script], start_new_session=True)
    yield process
    process.kill()
    process.wait()


def test_a_group_holds_the_whole_family_and_kills_it_at_once(
    groups: Cgroups, family: "subprocess.Popen[bytes]"
):
    attempt = uuid4()
    wait_until(lambda: _enclosed(groups, attempt, family.pid) >= 3)
    pids = groups.members(attempt)
    groups.kill(attempt)
    family.wait()
    wait_until(lambda: not any(is_alive(pid) for pid in pids))
    assert groups.members(attempt) == []
    groups.release(attempt)


def test_the_next_runner_finds_what_is_left_in_an_earlier_ones_groups(
    groups: Cgroups, session: UUID, family: "subprocess.Popen[bytes]"
):
    attempt, base = uuid4(), cgroup.base()
    assert base is not None
    wait_until(lambda: _enclosed(groups, attempt, family.pid) >= 3)
    left = cgroup.sessions_members(base, [session])
    assert left == {*groups.members(attempt)}
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    family.wait()
    wait_until(lambda: not cgroup.sessions_members(base, [session]))
    assert not (base / f"k8s4r-{session}").exists()


def _enclosed(groups: Cgroups, attempt: UUID, leader: int) -> int:
    groups.enclose(attempt, leader)
    return len(groups.members(attempt))
