"""How many real processes a second, through the whole agent?

The peer is a Celery task that runs the same program, in as many processes as we have slots.
"""

import time

from benchmarks import peers
from benchmarks.machine import Figure, report
from benchmarks.throughput import LOOK_S, unfinished
from tests import fleet

TASKS = 2_000
LIST = 1_000
SLOTS = 16


def ours(platform: fleet.Platform, tasks: int) -> float:
    """Return the seconds until all have ended."""
    body = [{"spec": {"argv": ["/bin/true"]}}] * min(LIST, tasks)
    begun = time.monotonic()
    for _ in range(max(1, tasks // LIST)):
        platform.post("/api/v1/tasks", body)
    fleet.wait_until(lambda: not unfinished(platform), timeout_s=300, every_s=LOOK_S)
    return time.monotonic() - begun


def main() -> None:
    """Measure both and print the figure."""
    with fleet.platform() as platform, fleet.agents(platform, 1, slots=SLOTS):
        ours(platform, 100)
        taken = ours(platform, TASKS)
    with peers.workers(SLOTS) as peer:
        peer.run("peer.run_true", 100)
        peer_taken = peer.run("peer.run_true", TASKS)
    goal = ">= 1.0 x the peer, and >= 270/s on 4 cores"
    report(Figure("exec", TASKS / taken, TASKS / peer_taken, "tasks/s", goal=goal))


if __name__ == "__main__":
    main()
