"""What do fault tests do to a running platform, and what do they ask it?"""

import json
import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any

import psutil

from tests import fleet
from tests.fleet import Platform
from tests.waiting import wait_until

FINAL = frozenset({"completed", "failed", "cancelled", "timed_out"})
OPEN = "pending,dispatching,running,unknown"
# Times are the defaults divided by ten or so; an outage is 11 s instead of 15 s.
QUICK = {
    "heartbeat_s": "1",
    "offline_after_s": "4",
    "stop_margin_s": "4",
    "kill_grace_s": "1",
    "requeue_grace_s": "2",
    "min_lost_after_s": "8",
    "outage_gap_s": "11",
}
QUICK_AGENT = ("--stop-margin", "4", "--kill-grace", "1")

Agents = list["subprocess.Popen[bytes]"]


@contextmanager
def crew(platform: Platform, count: int, *, slots: int) -> Iterator[Agents]:
    """Run agents beside nobody: those of an earlier test have been seen to be away."""
    wait_until(lambda: not fleet.online(platform), timeout_s=60)
    with fleet.agents(platform, count, slots=slots, options=QUICK_AGENT) as running:
        yield running


def parts(platform: Platform) -> dict[str, dict[str, Any]]:
    """Return the platform's parts as `k8s4r status` has them."""
    said = subprocess.run(
        [str(fleet.K8S4R), "status", "--output", "json"],
        env=platform.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return {part["name"]: part for part in json.loads(said.stdout)["parts"]}


def pid_of(platform: Platform, part: str) -> int:
    """Return the pid of a part, waiting while its supervisor starts it again."""
    found: int = wait_until(lambda: parts(platform)[part]["pid"], timeout_s=60)
    return found


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def family(pid: int) -> list[int]:
    """Return a process and all its descendants."""
    return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]


@contextmanager
def frozen(*pids: int) -> Iterator[None]:
    """Stop processes as a debugger would: they keep their connections and say nothing."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def link_of(runner: "subprocess.Popen[bytes]") -> psutil.Process:
    """Return the link process of an agent."""
    return wait_until(lambda: _link(runner.pid), timeout_s=60)


def _link(pid: int) -> psutil.Process | None:
    with suppress(psutil.NoSuchProcess):
        for child in psutil.Process(pid).children():
            if "agents.client.link" in child.cmdline():
                return child
    return None


def submit(platform: Platform, requests: Sequence[dict[str, object]]) -> list[str]:
    """Submit tasks; return their ids."""
    return [task["id"] for task in platform.post("/api/v1/tasks", list(requests))["items"]]


def task(platform: Platform, identity: str) -> dict[str, Any]:
    found: dict[str, Any] = platform.get(f"/api/v1/tasks/{identity}")
    return found


def attempts(platform: Platform, identity: str) -> list[dict[str, Any]]:
    """Return a task's attempts, first one first."""
    items = platform.get(f"/api/v1/tasks/{identity}/attempts")["items"]
    return sorted(items, key=lambda attempt: attempt["number"])


def log(platform: Platform, identity: str) -> bytes:
    """Return what the task wrote, as a person downloads it."""
    answer = platform.client.get(f"/api/v1/tasks/{identity}/logs")
    answer.raise_for_status()
    return answer.content


def ended(platform: Platform, identity: str, *, timeout_s: float = 90) -> dict[str, Any]:
    """Wait until a task has ended; return it."""

    def final() -> dict[str, Any] | None:
        with suppress(*fleet.AWAY):
            found = task(platform, identity)
            if found["state"] in FINAL:
                return found
        return None

    found: dict[str, Any] = wait_until(final, timeout_s=timeout_s, every_s=0.1)
    return found


def is_settled(platform: Platform) -> bool:
    """Has every task ended, as far as the platform answers?"""
    with suppress(*fleet.AWAY):
        return not platform.get(f"/api/v1/tasks?state={OPEN}&limit=1")["items"]
    return False


def states(platform: Platform, identities: Sequence[str]) -> dict[str, str]:
    """Return the states of these tasks, the newest ones of the platform."""
    page, found = platform.get("/api/v1/tasks?limit=200"), {}
    while not found.keys() >= set(identities):
        found |= {item["id"]: item["state"] for item in page["items"]}
        if not page["next"]:
            break
        page = platform.get(f"/api/v1/tasks?limit=200&cursor={page['next']}")
    return {identity: found[identity] for identity in identities}


def seconds_between(earlier: str, later: str) -> float:
    """Return the seconds between two times as the API writes them."""
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()
