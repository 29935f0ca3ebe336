"""Real agents on this machine, for pages that show what they do."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.pages.looking import ROOT

LIVE_POOL = "live"


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
