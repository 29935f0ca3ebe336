"""kill -9 of any one process while tasks run: all end, none runs twice at once."""

import json
import os
import signal
import subprocess
from pathlib import Path

import psutil
import pytest

from tests import fleet
from tests.faults import witness
from tests.waiting import wait_until

pytestmark = [pytest.mark.processes, pytest.mark.timeout(420)]

TASKS = 200
TICKS = 5
SETTLED_WITHIN_S = 240
OPEN = "pending,dispatching,running,unknown"


@pytest.fixture(scope="module")
def platform():
    with fleet.platform() as running:
        yield running


def status(platform):
    said = subprocess.run(
        [str(fleet.K8S4R), "status", "--output", "json"],
        env=platform.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return {part["name"]: part for part in json.loads(said.stdout)["parts"]}


def kill(pid):
    os.kill(pid, signal.SIGKILL)


def kill_part(name):
    def victim(platform, agents):
        kill(status(platform)[name]["pid"])

    return victim


def kill_beat(platform, agents):
    """Beat runs as a child of the worker."""
    worker = psutil.Process(status(platform)["worker"]["pid"])
    for child in worker.children(recursive=True):
        kill(child.pid)


def link_of(runner):
    (link,) = [
        child
        for child in psutil.Process(runner.pid).children()
        if any("link" in argument for argument in child.cmdline())
    ]
    return link


def kill_link(platform, agents):
    link_of(agents[0]).kill()


def kill_runner(platform, agents):
    kill(agents[0].pid)
    agents[0].wait()
    agents.append(fleet.start_agent(platform, 0, slots=8))


VICTIMS = {
    "web": kill_part("web"),
    "worker": kill_part("worker"),
    "beat": kill_beat,
    "redis": kill_part("redis"),
    "postgres": kill_part("postgres"),
    "the agent's link": kill_link,
    "the agent's runner": kill_runner,
}


@pytest.mark.parametrize("victim", VICTIMS)
def test_every_task_ends_and_none_runs_twice_at_once_when_one_process_dies(
    platform, tmp_path, victim
):
    with fleet.agents(platform, 2, slots=8) as agents:
        requests = [witness.request(tmp_path, n, ticks=TICKS) for n in range(TASKS)]
        ids = [task["id"] for task in platform.post("/api/v1/tasks", requests)["items"]]
        wait_until(lambda: len(list(tmp_path.iterdir())) > TASKS // 10, timeout_s=60)

        VICTIMS[victim](platform, agents)

        wait_until(lambda: settled(platform, ids), timeout_s=SETTLED_WITHIN_S, every_s=0.5)
        ended = {task["id"]: task["state"] for task in listed(platform)}

    assert [ended[identity] for identity in ids] == ["completed"] * TASKS
    assert not witness.unfinished(tmp_path, TASKS)
    assert not list(witness.overlaps(tmp_path))


def settled(platform, ids):
    try:
        return not platform.get(f"/api/v1/tasks?state={OPEN}&limit=1")["items"]
    except fleet.AWAY:
        return False


def listed(platform):
    page, found = platform.get("/api/v1/tasks?limit=200"), []
    while True:
        found += page["items"]
        if not page["next"] or len(found) >= TASKS:
            return found
        page = platform.get(f"/api/v1/tasks?limit=200&cursor={page['next']}")


def test_a_killed_link_is_replaced_and_the_same_process_goes_on(platform, tmp_path):
    with fleet.agents(platform, 1, slots=1) as agents:
        (task,) = platform.post("/api/v1/tasks", [witness.request(tmp_path, 0, ticks=60)])["items"]
        file = tmp_path / "0"
        wait_until(lambda: file.exists() and len(witness.steps(file)) > 3, timeout_s=30)

        link_of(agents[0]).kill()

        wait_until(lambda: state(platform, task["id"]) == "completed", timeout_s=60)
    seen = witness.steps(file)
    assert len({step.pid for step in seen}) == 1
    assert [step.name for step in seen] == ["start", *["tick"] * 60, "end"]


def state(platform, identity):
    return platform.get(f"/api/v1/tasks/{identity}")["state"]


def test_the_witness_folder_shows_an_overlap_when_there_is_one(tmp_path: Path):
    (tmp_path / "0").write_text("a 1 start 10.0\nb 2 start 10.5\na 1 end 11.0\nb 2 end 12.0\n")

    assert list(witness.overlaps(tmp_path)) == ["0: a until 11.0, b from 10.5"]
