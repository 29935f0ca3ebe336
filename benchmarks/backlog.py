"""Does a long queue make a task dearer? The same load before queues of three lengths."""

import time

from benchmarks.machine import Figure, note, report
from tests import fleet
from tests.waiting import wait_until

QUEUES = (100, 10_000, 100_000)
MEASURED = 2_000
LIST = 1_000
LOOK_S = 0.02
# A round takes a second or two, and another process of the machine may have had half of it.
ROUNDS = 3


def lengthen(platform: fleet.Platform, more: int) -> None:
    """Put ``more`` tasks in the queue that nobody can run."""
    waiting = [{"driver": "noop", "spec": {}, "required_labels": {"nobody": "has-this"}}]
    for start in range(0, more, LIST):
        platform.post("/api/v1/tasks", waiting * min(LIST, more - start))


def time_per_task(platform: fleet.Platform, name: str) -> float:
    """Return the seconds that one of the tasks called ``name`` takes."""
    quick = [{"driver": "noop", "spec": {}, "name": name}] * LIST
    begun = time.monotonic()
    for _ in range(MEASURED // LIST):
        platform.post("/api/v1/tasks", quick)
    path = f"/api/v1/tasks?name={name}&state=pending,dispatching,running&limit=1"
    wait_until(lambda: not platform.get(path)["items"], timeout_s=300, every_s=LOOK_S)
    return (time.monotonic() - begun) / MEASURED


def main() -> None:
    """Measure before each queue and print the dearer of the long ones against the short one."""
    costs: dict[int, float] = {}
    with fleet.platform() as platform, fleet.agents(platform, 2, slots=50):
        time_per_task(platform, "warm")
        waiting = 0
        for length in QUEUES:
            lengthen(platform, length - waiting)
            waiting = length
            note(f"{length} wait")
            costs[length] = min(
                time_per_task(platform, f"quick-{length}-{number}") for number in range(ROUNDS)
            )
    figure = Figure(
        "backlog",
        1e6 * max(costs[length] for length in QUEUES[1:]),
        1e6 * costs[QUEUES[0]],
        "us/task",
        better="lower",
        goal="<= 1.2 x itself at 100",
        detail={f"at_{queued}": round(1e6 * cost, 1) for queued, cost in costs.items()},
    )
    report(figure)


if __name__ == "__main__":
    main()
