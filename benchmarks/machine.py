"""What machine is this, and what does a result look like?"""

import json
import os
import platform
import sys
from dataclasses import dataclass, field
from typing import Any

import psutil


def state() -> dict[str, Any]:
    """Return what a reader needs to judge a figure: cores, load, memory, versions."""
    return {
        "cores": os.cpu_count(),
        "load_1m": round(os.getloadavg()[0], 2),
        "memory_free_mb": psutil.virtual_memory().available // 2**20,
        "python": platform.python_version(),
        "kernel": platform.release(),
    }


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure beside its peer. ``better`` says which way is good."""

    bench: str
    ours: float
    peer: float
    unit: str
    better: str = "higher"
    goal: str = ""
    detail: dict[str, Any] = field(default_factory=dict)

    def line(self) -> str:
        """Return the figure as one line of JSON."""
        ratio = self.ours / self.peer if self.peer else 0.0
        return json.dumps(
            {
                "bench": self.bench,
                "ours": round(self.ours, 3),
                "peer": round(self.peer, 3),
                "ratio": round(ratio, 3),
                "unit": self.unit,
                "better": self.better,
                "goal": self.goal,
                "detail": self.detail,
                "machine": state(),
            }
        )


def report(figure: Figure) -> None:
    """Print the figure on standard output, alone on its line."""
    print(figure.line(), flush=True)


def note(text: str) -> None:
    """Tell a person what goes on, beside the figures."""
    print(text, file=sys.stderr, flush=True)


def quantile(values: list[float], share: float) -> float:
    """Return the value below which ``share`` of the values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
