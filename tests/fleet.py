"""A whole platform in a folder of its own, with as many real agents as a bench wants."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from tests.ports import held_port
from tests.waiting import wait_until

K8S4R = Path(sys.executable).with_name("k8s4r")
AGENT = Path(sys.executable).with_name("k8s4r-agent")
READY_WITHIN_S = 60
LOG_LINES = 15
# What a client sees while the server is away.
AWAY = (httpx2.TransportError, httpx2.HTTPStatusError)


@dataclass(frozen=True, slots=True)
class Platform:
    """A running platform: where it is, and the environment in which its command works."""

    url: str
    home: Path
    environment: dict[str, str]
    client: httpx2.Client
    enrolment_token_file: str

    def post(self, path: str, body: Any, **headers: str) -> Any:
        """Send JSON and return the answer's JSON; raises on an error status."""
        answer = self.client.post(path, json=body, headers=headers)
        answer.raise_for_status()
        return answer.json()

    def get(self, path: str) -> Any:
        """Return the answer's JSON; raises on an error status."""
        answer = self.client.get(path)
        answer.raise_for_status()
        return answer.json()


@contextmanager
def platform(*flags: str, **settings: str) -> Iterator[Platform]:
    """Start the embedded platform without a demo agent; stop it and forget it at the end.

    ``settings`` are environment variables without their prefix: ``heartbeat_s="1"``.
    """
    with tempfile.TemporaryDirectory(prefix="k8s4r-bench-") as folder:
        home = Path(folder) / "home"
        environment = {
            **_foreign(os.environ),
            "K8S4R_HOME": str(home),
            "K8S4R_PORT": str(held_port()),
            "K8S4R_LOG_LEVEL": "WARNING",
            **{f"K8S4R_{name.upper()}": value for name, value in settings.items()},
        }
        up = [str(K8S4R), "up", "--detach", "--no-agent", "--output", "json", *flags]
        said = subprocess.run(up, env=environment, capture_output=True, text=True, check=False)
        assert said.returncode == 0, said.stderr
        facts = json.loads(said.stdout)
        token = Path(facts["api_token_file"]).read_text().strip()
        try:
            with httpx2.Client(
                base_url=facts["url"], headers={"Authorization": f"Bearer {token}"}, timeout=60
            ) as client:
                yield Platform(
                    facts["url"], home, environment, client, facts["enrolment_token_file"]
                )
        finally:
            subprocess.run([str(K8S4R), "down"], env=environment, check=False, capture_output=True)


def _foreign(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what is not ours: a test run's own database is not the platform's."""
    return {name: value for name, value in environment.items() if not name.startswith("K8S4R_")}


@contextmanager
def agents(
    of: Platform, count: int, *, slots: int, options: Sequence[str] = ()
) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Run real agents against the platform until the block ends; they are online inside it.

    The list may be added to (`start_agent`): all of it is ended.
    """
    running = [start_agent(of, number, slots=slots, options=options) for number in range(count)]
    try:
        wait_until(lambda: online(of) >= count, timeout_s=READY_WITHIN_S)
        yield running
    except BaseException:
        _show_logs(of)
        raise
    finally:
        for process in running:
            end(process)


def start_agent(
    of: Platform, number: int, *, slots: int, options: Sequence[str] = ()
) -> subprocess.Popen[bytes]:
    """Start one agent; the same number is the same agent, on the same spool."""
    arguments = [
        str(AGENT), "start", "--url", of.url, "--name", f"bench-{number}",
        "--enrolment-token-file", of.enrolment_token_file, "--slots", str(slots),
        "--spool", str(of.home / f"bench-agent-{number}"), *options,
    ]  # fmt: skip
    with (of.home / f"bench-agent-{number}.log").open("ab") as log:
        return subprocess.Popen(arguments, stdout=log, stderr=log, env=_foreign(of.environment))


def _show_logs(of: Platform) -> None:
    """Write the end of each part's log: the folder is gone when somebody wants to know."""
    for log in sorted([*of.home.glob("logs/*.log"), *of.home.glob("*.log")]):
        lines = log.read_text(errors="replace").splitlines()[-LOG_LINES:]
        sys.stderr.write("\n".join([f"--- {log.name}", *lines, ""]))


def end(process: subprocess.Popen[bytes]) -> None:
    """Let an agent leave in good order, or end it."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def online(of: Platform) -> int:
    """Return how many agents the platform believes to be there."""
    listed = of.get("/api/v1/agents?limit=200")["items"]
    return sum(agent["status"] in {"online", "busy"} for agent in listed)
