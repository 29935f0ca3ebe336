"""What did the tasks themselves see? Each writes its own steps; a checker reads them afterwards.

A line is ``attempt pid step uptime``: the uptime is one clock for every process of the machine.
"""

import itertools
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# Shell built-ins only, so that a step costs no process and a kill leaves the file as it is.
STEPS = """
say() { read -r up rest < /proc/uptime; echo "$K8S4R_ATTEMPT $$ $1 $up" >> "$WITNESS"; }
say start; n=0
while [ $n -lt $TICKS ]; do n=$((n+1)); sleep 0.1; say tick; done
say end
"""


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a witness file."""

    attempt: str
    pid: int
    name: str
    uptime_s: float


def request(folder: Path, number: int, *, ticks: int, **fields: object) -> dict[str, object]:
    """Return a task that witnesses itself in a file of ``folder``, for about ticks x 0.1 s."""
    environment = {"WITNESS": str(folder / str(number)), "TICKS": str(ticks)}
    return {
        "name": f"witness-{number}",
        "spec": {"argv": ["/bin/sh", "-c", STEPS], "env": environment},
        **fields,
    }


def steps(path: Path) -> list[Step]:
    """Return what one task wrote; a line cut off by a kill is left out."""
    lines = (line.split() for line in path.read_text().splitlines())
    return [Step(f[0], int(f[1]), f[2], float(f[3])) for f in lines if len(f) == 4]


def overlaps(folder: Path) -> Iterator[str]:
    """Yield each task of which two attempts did something in overlapping times."""
    for path in sorted(folder.iterdir()):
        spans: dict[str, list[float]] = defaultdict(list)
        for step in steps(path):
            spans[step.attempt].append(step.uptime_s)
        ordered = sorted((min(times), max(times), name) for name, times in spans.items())
        for (_, last, one), (first, _, other) in itertools.pairwise(ordered):
            if first < last:
                yield f"{path.name}: {one} until {last}, {other} from {first}"


def unfinished(folder: Path, count: int) -> list[int]:
    """Return the numbers of the tasks that never came to their end."""
    return [
        number
        for number in range(count)
        if not (folder / str(number)).exists()
        or not any(step.name == "end" for step in steps(folder / str(number)))
    ]
