"""Real agents on this machine, for pages that show what they do."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import psutil
from django.urls import reverse

from tests.pages.looking import ROOT

LIVE_POOL = "live"


def submitted(person: httpx2.Client, *argv: str, **fields: Any) -> tuple[str, str]:
    """Submit a command; return the address of its page, and that of the task in the API."""
    body = {"spec": {"argv": list(argv)}, "pool": LIVE_POOL, **fields}
    answer = person.post("/api/v1/tasks", json=body)
    assert answer.status_code == 201, answer.text
    task_id = answer.json()["id"]
    return reverse("admin:executors_task_change", args=[task_id]), f"/api/v1/tasks/{task_id}"


@contextmanager
def pasted(line: str, folder: Path, *, name: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a line as somebody would who pastes it into a shell on a machine of this name."""
    folder.mkdir(parents=True, exist_ok=True)
    clean = {key: value for key, value in os.environ.items() if "K8S4R" not in key}
    environment = {
        **clean,
        "PATH": f"{Path(sys.executable).parent}:{clean['PATH']}",
        "PYTHONPATH": str(ROOT),
        "HOME": str(folder),
        "K8S4R_AGENT_NAME": name,
        "K8S4R_AGENT_SPOOL": str(folder / "spool"),
    }
    with (folder / "agent.log").open("ab") as log:
        process = subprocess.Popen(
            ["sh", "-c", line], cwd=folder, env=environment, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip
    try:
        yield process
    finally:
        _end(process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    family = psutil.Process(process.pid).children(recursive=True)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    for one in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            one.kill()
