"""kill -9 of any one process while tasks run: all end, none runs twice at once."""

from pathlib import Path

import psutil
import pytest

from tests import fleet
from tests.faults import operations, witness
from tests.faults.operations import kill, link_of, pid_of
from tests.waiting import wait_until

pytestmark = [pytest.mark.processes, pytest.mark.timeout(420)]

TASKS = 200
MANY_TASKS = 500
TICKS = 5
SLOTS = 8
SETTLED_WITHIN_S = 240


@pytest.fixture(scope="module")
def platform():
    with fleet.platform(**operations.QUICK) as running:
        yield running


def kill_part(name):
    def victim(platform, agents):
        kill(pid_of(platform, name))

    return victim


def kill_beat(platform, agents):
    """Beat and the pool's only child run below the worker."""
    for child in psutil.Process(pid_of(platform, "worker")).children(recursive=True):
        kill(child.pid)


def kill_link(platform, agents):
    link_of(agents[0]).kill()


def kill_runner(platform, agents):
    agents[0].kill()
    agents[0].wait()
    agents[0] = fleet.start_agent(platform, 0, slots=SLOTS, options=operations.QUICK_AGENT)


VICTIMS = {
    "web": kill_part("web"),
    "worker": kill_part("worker"),
    "beat": kill_beat,
    "redis": kill_part("redis"),
    "postgres": kill_part("postgres"),
    "the agent's link": kill_link,
    "the agent's runner": kill_runner,
}


def begin(platform, folder, count):
    """Submit witnesses and wait until some of them have begun."""
    requests = [witness.request(folder, number, ticks=TICKS) for number in range(count)]
    ids = operations.submit(platform, requests)
    await_begun(folder, TASKS // 10)
    return ids


def await_begun(folder, count):
    wait_until(lambda: len(list(folder.iterdir())) >= count, timeout_s=SETTLED_WITHIN_S)


def check(platform, folder, ids):
    """Every task came to its good end, and no two attempts of one at once."""
    settled = lambda: operations.is_settled(platform)  # noqa: E731
    wait_until(settled, timeout_s=SETTLED_WITHIN_S, every_s=0.3)
    assert set(operations.states(platform, ids).values()) == {"completed"}
    assert not witness.unfinished(folder, len(ids))
    assert not list(witness.overlaps(folder))


@pytest.mark.parametrize("victim", VICTIMS)
def test_every_task_ends_and_none_runs_twice_at_once_when_one_process_dies(
    platform, tmp_path, victim
):
    with operations.crew(platform, 2, slots=SLOTS) as agents:
        ids = begin(platform, tmp_path, TASKS)
        VICTIMS[victim](platform, agents)
        check(platform, tmp_path, ids)


def test_every_task_ends_and_none_runs_twice_at_once_when_one_after_the_other_dies(
    platform, tmp_path
):
    with operations.crew(platform, 2, slots=SLOTS) as agents:
        ids = begin(platform, tmp_path, MANY_TASKS)
        for turn, victim in enumerate(VICTIMS.values(), start=1):
            await_begun(tmp_path, MANY_TASKS * turn // (len(VICTIMS) + 1))
            victim(platform, agents)
        check(platform, tmp_path, ids)


def test_the_witness_folder_shows_an_overlap_when_there_is_one(tmp_path: Path):
    (tmp_path / "0").write_text("a 1 start 10.0\nb 2 start 10.5\na 1 end 11.0\nb 2 end 12.0\n")

    assert list(witness.overlaps(tmp_path)) == ["0: a until 11.0, b from 10.5"]
