import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from k8s4r.embedded import state
from tests.ports import held_port
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]


@dataclass
class Platform:
    """One data folder, and the supervisors that a test starts on it."""

    home: Path
    port: int = field(default_factory=held_port)
    started: list = field(default_factory=list)
    variables: dict = field(default_factory=dict)

    @property
    def environment(self):
        clean = {name: text for name, text in os.environ.items() if not name.startswith("K8S4R_")}
        ours = {"K8S4R_HOME": str(self.home), "K8S4R_PORT": str(self.port)}
        return {**clean, **ours, **self.variables}

    def start(self, *names):
        log = self.home.parent / f"supervisor-{len(self.started)}.txt"
        with log.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.embedded.platform_of_fakes", *names],
                env=self.environment,
                cwd=ROOT,
                stdout=subprocess.DEVNULL,
                stderr=file,
            )
        self.started.append(process)
        process.said = log.read_text
        return process

    def up(self, *names):
        process = self.start(*names)
        wait_until(lambda: process.poll() is not None or self.is_up(process.pid), timeout_s=60)
        assert process.poll() is None, process.said()
        return process

    def status(self):
        return state.read(self.home / "run")

    def is_up(self, pid):
        said = self.status()
        return said is not None and said.pid == pid and said.is_up

    def part(self, name):
        return next(part for part in self.status().parts if part.name == name)

    def process(self, name):
        return psutil.Process(self.part(name).pid)

    def summary(self):
        return json.loads((self.home / "platform.json").read_text())


@pytest.fixture
def platform():
    # Short, so that PostgreSQL's socket lies within.
    with tempfile.TemporaryDirectory(prefix="k8s4r-up-") as folder:
        it = Platform(Path(folder) / "home")
        yield it
        for process in it.started:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.wait(60)
