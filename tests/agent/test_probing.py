"""Do `check` and the health address tell the truth about an agent?"""

import http.client
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.agent.harness import ROOT, Agent
from tests.agent.scripted_server import ScriptedServer
from tests.ports import held_port
from tests.waiting import wait_until

pytestmark = pytest.mark.processes


def test_check_finds_a_good_agent_good(server: ScriptedServer, agent: Agent):
    agent.ready()
    agent.kill_runner()
    done = agent.check()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FAIL" not in done.stdout
    lines = dict(line[6:].split(": ", 1) for line in done.stdout.splitlines())
    assert {"spool", "drivers", "identity", "server", "tls", "token", "time"} == {*lines}
    assert lines["token"] == "accepted"


def test_check_takes_no_work_and_renews_no_lease(server: ScriptedServer, agent: Agent):
    agent.ready()
    agent.kill_runner()
    sessions, claims = len(server.sessions), len(server.claims)
    agent.check()
    assert server.heartbeats[-1].session is None
    assert (len(server.sessions), len(server.claims)) == (sessions, claims)


def test_check_names_a_server_that_does_not_answer(server: ScriptedServer, agent: Agent):
    server.stop()
    done = agent.check()
    assert done.returncode == 1
    assert f"FAIL  server: {server.url}" in done.stdout
    assert "hint: is the address right" in done.stdout


def test_check_names_a_refused_token(server: ScriptedServer, agent: Agent):
    agent.ready()
    agent.kill_runner()
    server.script.token = "agt_other"
    done = agent.check()
    assert done.returncode == 4
    assert "FAIL  token: refused" in done.stdout


def test_check_names_a_missing_token_file(agent: Agent):
    agent.credentials = ["--token-file", "/no/such/token"]
    done = agent.check()
    assert done.returncode == 2
    assert "/no/such/token" in done.stdout


def test_health_says_when_the_agent_is_ready(server: ScriptedServer, agent: Agent):
    port = held_port()
    agent.ready("--health-check-addr", f"127.0.0.1:{port}")
    wait_until(lambda: answers(port))
    assert get(port, "/healthz")[0] == 200
    wait_until(lambda: get(port, "/readyz")[0] == 200)
    wait_until(lambda: "k8s4r_agent_ready 1" in get(port, "/metrics")[1])
    assert "k8s4r_agent_slots_free 4" in get(port, "/metrics")[1]
    assert get(port, "/other")[0] == 404


def test_health_says_when_there_is_no_session(server: ScriptedServer, agent: Agent):
    port = held_port()
    server.stop()
    agent.start("--health-check-addr", f"127.0.0.1:{port}")
    wait_until(lambda: answers(port))
    assert get(port, "/healthz")[0] == 200
    assert get(port, "/readyz")[0] == 503


def test_version_is_printed(agent: Agent):
    done = agent.call(sys.executable, "-m", "agents.client", "version")
    assert done.returncode == 0
    assert done.stdout.startswith("k8s4r-agent ")


def test_the_agent_never_imports_the_server():
    code = (
        "import sys, agents.client.__main__, agents.client.link.__main__\n"
        "bad = {'django', 'rest_framework', 'celery', 'redis', 'psycopg', 'starlette'}\n"
        "found = bad & {name.split('.')[0] for name in sys.modules}\n"
        "found |= {name for name in sys.modules if name.startswith('k8s4r.')\n"
        "          and not name.startswith('k8s4r.core')}\n"
        "sys.exit(str(found) if found else 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_runner_does_not_load_the_network(tmp_path: Path):
    code = (
        "import sys, agents.client.runner.start\n"
        "found = {'httpx2', 'httpcore2', 'asyncio'} & {*sys.modules}\n"
        "sys.exit(str(found) if found else 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def get(port: int, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path)
    response = connection.getresponse()
    return response.status, response.read().decode()


def answers(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0
