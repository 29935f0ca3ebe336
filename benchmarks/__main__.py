"""Run the benches named, or all: `python -m benchmarks [NAME ...]`; one line of JSON each."""

import subprocess
import sys

from benchmarks.machine import note

BENCHES = (
    "throughput", "exec", "latency", "backlog", "fleet", "submit", "memory", "livelog", "pages",
    "pods", "clusters", "coldstart",
)  # fmt: skip
AT_MOST_S = 900


def main(names: list[str]) -> int:
    """Run each bench as a process of its own, so that none measures the leftovers of another."""
    failed = []
    for name in names or BENCHES:
        note(f"== {name}")
        argv = [sys.executable, "-m", f"benchmarks.{name}"]
        try:
            if subprocess.run(argv, check=False, timeout=AT_MOST_S).returncode:
                failed.append(name)
        except subprocess.TimeoutExpired:
            failed.append(name)
    if failed:
        note(f"did not finish: {', '.join(failed)}")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
