"""How long from submitting a task to its start on the agent, at a steady 50 a second?

The process itself notes the moment of its start, on the clock the submitter reads too.
"""

import sys
import tempfile
import time
from pathlib import Path

from benchmarks import peers
from benchmarks.machine import Figure, quantile, report
from benchmarks.throughput import unfinished
from tests import fleet
from tests.waiting import wait_until

TASKS = 500
PER_SECOND = 50.0
CLOCK = Path("/proc/uptime")


def ours(platform: fleet.Platform, folder: Path) -> list[float]:
    """Return the seconds from sending each create to the `started` its agent noted."""
    sent: dict[str, float] = {}
    begun = time.monotonic()
    for number in range(TASKS):
        time.sleep(max(0.0, begun + number / PER_SECOND - time.monotonic()))
        note = folder / str(number)
        # The shell's own start is the last step; `touch` stamps it with the kernel's clock.
        sent[str(number)] = time.time()
        platform.post("/api/v1/tasks", {"spec": {"argv": ["/bin/mkdir", str(note)]}})
    wait_until(lambda: not unfinished(platform), timeout_s=60)
    return [(folder / name).stat().st_ctime_ns / 1e9 - at for name, at in sent.items()]


def main() -> None:
    """Measure both and print the medians, with the tails in the detail."""
    with (
        tempfile.TemporaryDirectory() as folder,
        fleet.platform() as platform,
        fleet.agents(platform, 1, slots=16),
    ):
        delays = ours(platform, Path(folder))
    with peers.workers(4) as peer:
        peer.delays(50, PER_SECOND)
        peer_delays = peer.delays(TASKS, PER_SECOND)
    detail = {
        "ours_p99_ms": round(1000 * quantile(delays, 0.99), 2),
        "peer_p99_ms": round(1000 * quantile(peer_delays, 0.99), 2),
        "includes": "start of /bin/mkdir",
    }
    figure = Figure(
        "latency",
        1000 * quantile(delays, 0.5),
        1000 * quantile(peer_delays, 0.5),
        "ms",
        better="lower",
        goal="p50 <= 10 ms, p99 <= 50 ms",
        detail=detail,
    )
    report(figure)


if __name__ == "__main__":
    sys.exit(main())
