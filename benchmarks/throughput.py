"""How many `noop` tasks a second, from REST to a durable end with its whole history?

The peer runs an empty Celery task, acknowledged late, in as many worker processes.
"""

import time
from typing import Any, TypeAlias

from benchmarks import peers
from benchmarks.machine import Figure, note, report
from tests import fleet
from tests.waiting import wait_until

TASKS = 10_000
LIST = 1_000
AGENTS = 4
# Empty tasks need no processor of the agent's machine: as many at once as keep the line full.
SLOTS = 150
LOOK_S = 0.2
Task: TypeAlias = dict[str, Any]
NOOP: Task = {"driver": "noop", "spec": {}}


def seconds_for(platform: fleet.Platform, tasks: int, task: Task = NOOP) -> float:
    """Return the seconds from the first create to the last durable end of so many tasks."""
    body = [task] * LIST
    begun = time.monotonic()
    for _ in range(tasks // LIST):
        platform.post("/api/v1/tasks", body)
    note(f"submitted after {time.monotonic() - begun:.2f} s")
    wait_until(lambda: not unfinished(platform), timeout_s=300, every_s=LOOK_S)
    return time.monotonic() - begun


def unfinished(platform: fleet.Platform) -> bool:
    """Does any task wait or run?"""
    open_states = "pending,dispatching,running"
    return bool(platform.get(f"/api/v1/tasks?state={open_states}&limit=1")["items"])


def main() -> None:
    """Measure both and print the figure."""
    with fleet.platform() as platform, fleet.agents(platform, AGENTS, slots=SLOTS):
        seconds_for(platform, LIST)
        taken = seconds_for(platform, TASKS)
    with peers.workers(AGENTS) as peer:
        peer.run("peer.noop", 200)
        peer_taken = peer.run("peer.noop", TASKS)
    report(
        Figure("throughput", TASKS / taken, TASKS / peer_taken, "tasks/s", goal=">= 2 x the peer")
    )


if __name__ == "__main__":
    main()
