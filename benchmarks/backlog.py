"""Does a long queue make a task dearer? The same load before queues of three lengths."""

import time

from benchmarks.machine import Figure, note, report
from tests import fleet

QUEUES = (100, 10_000, 100_000)
MEASURED = 2_000
LIST = 1_000


def time_per_task(platform: fleet.Platform, queued: int) -> float:
    """Return the seconds a task takes while ``queued`` others wait behind it."""
    waiting = [{"driver": "noop", "spec": {}, "labels": {"nobody": "has-this"}}]
    for start in range(0, queued, LIST):
        platform.post("/api/v1/tasks", waiting * min(LIST, queued - start))
    note(f"{queued} wait")
    quick = [{"driver": "noop", "spec": {}, "name": f"quick-{queued}"}] * LIST
    begun = time.monotonic()
    for _ in range(MEASURED // LIST):
        platform.post("/api/v1/tasks", quick)
    path = f"/api/v1/tasks?name=quick-{queued}&state=pending,dispatching,running&limit=1"
    fleet.wait_until(lambda: not platform.get(path)["items"], timeout_s=300)
    return (time.monotonic() - begun) / MEASURED


def main() -> None:
    """Measure before each queue and print the dearest against the cheapest."""
    with fleet.platform() as platform, fleet.agents(platform, 2, slots=50):
        time_per_task(platform, LIST)
        costs = {queued: time_per_task(platform, queued) for queued in QUEUES}
    figure = Figure(
        "backlog",
        1e6 * costs[QUEUES[-1]],
        1e6 * costs[QUEUES[0]],
        "us/task",
        better="lower",
        goal="<= 1.2 x itself at 100",
        detail={f"at_{queued}": round(1e6 * cost, 1) for queued, cost in costs.items()},
    )
    report(figure)


if __name__ == "__main__":
    main()
