"""How many real processes a second, through the whole agent?

As many slots as hide the round trips to the server. The peer is a Celery task that runs the same
program: in as many processes as we have slots, and in as many as suit it best on a small machine.
The better of the two counts.
"""

from benchmarks import peers
from benchmarks.machine import Figure, report
from benchmarks.throughput import LIST, seconds_for
from tests import fleet

TASKS = 2_000
TRUE = {"spec": {"argv": ["/bin/true"]}}
SLOTS = 128
PEER_PROCESSES = (SLOTS, 4)


def peer_rate(processes: int) -> float:
    """Return the tasks a second of a Celery worker with so many processes."""
    with peers.workers(processes) as peer:
        peer.run("peer.run_true", 100)
        return TASKS / peer.run("peer.run_true", TASKS)


def main() -> None:
    """Measure both and print the figure."""
    with fleet.platform() as platform, fleet.agents(platform, 1, slots=SLOTS):
        seconds_for(platform, LIST, TRUE)
        taken = seconds_for(platform, TASKS, TRUE)
    peer = {count: peer_rate(count) for count in PEER_PROCESSES}
    report(
        Figure(
            "exec",
            TASKS / taken,
            max(peer.values()),
            "tasks/s",
            goal=">= 1.0 x the peer, and >= 270/s on 4 cores",
            detail={f"peer_with_{count}": round(rate) for count, rate in peer.items()},
        )
    )


if __name__ == "__main__":
    main()
