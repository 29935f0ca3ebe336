"""The real agent, as processes that a test starts, kills and asks about."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil

from agents.client import cgroup
from tests.agent.scripted_server import ScriptedServer
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]


class Agent:
    """One spool and the runners that work with it, one after the other."""

    def __init__(self, server: ScriptedServer, folder: Path) -> None:
        self.server = server
        self.folder = folder
        self.spool = folder / "spool"
        self.options: list[str] = ["--slots", "4"]
        self.variables: dict[str, str] = {}
        self.process: subprocess.Popen[bytes] | None = None
        self._log = folder / "agent.log"
        (folder / "enrolment").write_text(server.script.enrolment_token)
        self.credentials = ["--enrolment-token-file", str(folder / "enrolment")]

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def start(self, *options: str) -> None:
        """Start a runner with these options besides the usual ones."""
        self.process = subprocess.Popen(
            [*self.command("start"), *self.options, *options],
            cwd=self.folder,
            env=self._env(),
            stdin=subprocess.DEVNULL,
            stderr=self._log.open("ab"),
        )

    def ready(self, *options: str) -> None:
        """Start a runner and wait until it asks for orders."""
        before = len(self.server.claims)
        self.start(*options)
        wait_until(lambda: len(self.server.claims) > before)

    def call(self, *command: str) -> "subprocess.CompletedProcess[str]":
        """Run a whole command line to its end."""
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self._env(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def check(self, *options: str) -> "subprocess.CompletedProcess[str]":
        return self.call(*self.command("check"), *options)

    def link(self) -> psutil.Process:
        """Return the present link process."""
        return wait_until(self._find_link)

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def exit_code(self, *, timeout_s: float = 30.0) -> int:
        assert self.process is not None
        return self.process.wait(timeout_s)

    def kill_runner(self) -> None:
        """Kill only the runner, as the kernel would for want of memory."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def log(self) -> str:
        return self._log.read_text() if self._log.exists() else ""

    def close(self) -> None:
        """End everything that this test started."""
        if self.process is not None and self.process.poll() is None:
            family = psutil.Process(self.pid).children(recursive=True)
            self.process.kill()
            self.process.wait()
            for one in family:
                with contextlib.suppress(psutil.NoSuchProcess):
                    one.kill()
        _forget_groups()

    def _find_link(self) -> psutil.Process | None:
        with contextlib.suppress(psutil.NoSuchProcess):
            for child in psutil.Process(self.pid).children():
                if "agents.client.link" in child.cmdline():
                    return child
        return None

    def command(self, verb: str) -> list[str]:
        return [
            *(sys.executable, "-m", "agents.client", verb),
            *("--url", self.server.url, "--name", "tester", "--spool", str(self.spool)),
            *self.credentials,
        ]

    def _env(self) -> dict[str, str]:
        clean = {name: value for name, value in os.environ.items() if "K8S4R" not in name}
        return {**clean, "PYTHONPATH": str(ROOT), **self.variables}


def _forget_groups() -> None:
    """Remove what killed runners left in the cgroup tree; groups that are in use stay."""
    base = cgroup.base()
    if base is None:
        return
    for group in [*base.glob("k8s4r-*/*/"), *base.glob("k8s4r-*/")]:
        with contextlib.suppress(OSError):
            group.rmdir()


def carriers(attempt: object) -> list[int]:
    """Return the living processes whose environment names an attempt."""
    mark = f"K8S4R_ATTEMPT={attempt}".encode()
    return [pid for pid in psutil.pids() if _carries(pid, mark)]


def _carries(pid: int, mark: bytes) -> bool:
    try:
        if mark not in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
            return False
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except (OSError, psutil.NoSuchProcess):
        return False


def is_alive(pid: int) -> bool:
    """Is there such a process that has not ended?"""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
