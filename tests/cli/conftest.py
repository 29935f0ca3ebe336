"""The command as a process of its own, against a served gateway on the test's database."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agents.models import Agent
from k8s4r import clock
from pools.models import Pool
from tests.builders import a_pool, an_agent
from tests.cli.cable import Cable
from tests.serving import Served, a_persons_token, served

COMMAND = (sys.executable, "-m", "k8s4r.cli")


@dataclass(slots=True)
class Said:
    """What a command wrote, and its exit code."""

    out: str
    err: str
    code: int


@dataclass(slots=True)
class Cli:
    """Runs `k8s4r` with its own home, and nothing of this machine's configuration."""

    environment: dict[str, str]
    started: list["subprocess.Popen[str]"] = field(default_factory=list)

    def __call__(self, *arguments: str, typed: str = "", **environment: str) -> Said:
        """Run a command to its end."""
        process = self.start(*arguments, **environment)
        out, err = process.communicate(typed, timeout=60)
        return Said(out, err, process.returncode)

    def start(self, *arguments: str, **environment: str) -> "subprocess.Popen[str]":
        """Start a command and return its process."""
        process = subprocess.Popen(
            [*COMMAND, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.environment | environment,
            text=True,
        )
        self.started.append(process)
        return process

    def end(self) -> None:
        """End what a failed test left running."""
        for process in self.started:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
            process.communicate()


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Cli]:
    """Return a command that knows no server."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    cli = Cli({**kept, "HOME": str(tmp_path), "K8S4R_HOME": str(tmp_path / "home")})
    yield cli
    cli.end()


@pytest.fixture
def gateway(transactional_db: None) -> Iterator[Served]:
    """Return a running gateway, with Django behind it."""
    with served() as serving:
        yield serving


@pytest.fixture
def cli(bare: Cli, gateway: Served) -> Cli:
    """Return alice's command on the served gateway; the default pool exists."""
    a_pool(name="default")
    bare.environment |= {"K8S4R_API_URL": gateway.url, "K8S4R_TOKEN": a_persons_token()}
    return bare


@pytest.fixture
def agent(cli: Cli) -> Agent:
    """Return an agent that is online and idle."""
    return an_agent("web-1", slots=2, now=clock.now())


@pytest.fixture
def pool(cli: Cli) -> Pool:
    """Return the default pool."""
    return Pool.objects.get(name="default")


@pytest.fixture
def cable(gateway: Served) -> Iterator[Cable]:
    """Return a way to the gateway that can be cut."""
    cable = Cable(int(gateway.url.rpartition(":")[2]))
    yield cable
    cable.close()
