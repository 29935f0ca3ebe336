"""What does not run, and does its report say why?"""

import os
import pwd
import subprocess
from pathlib import Path

import pytest

from agents.wire import messages as wire
from tests.agent.harness import Agent
from tests.agent.scripted_server import ScriptedServer

pytestmark = pytest.mark.processes


@pytest.mark.parametrize(
    ("argv", "exit_code", "word"),
    [
        (["no-such-command-here"], 127, "no-such-command-here"),
        (["/no/such/file"], 127, "/no/such/file"),
        (["{folder}/plain"], 126, "plain"),
        (["{folder}/garbage"], 126, "garbage"),
        (["{folder}"], 126, "not executable"),
        (["{folder}/lost"], 126, "interpreter"),
        (["with\0nul"], 126, "null"),
    ],
)
def test_a_command_that_cannot_start_says_what_was_wrong(
    server: ScriptedServer, agent: Agent, argv: list[str], exit_code: int, word: str
):
    (agent.folder / "plain").write_text("echo no x bit\n")
    (agent.folder / "garbage").write_bytes(b"\x01\x02\x03")
    (agent.folder / "garbage").chmod(0o755)
    (agent.folder / "lost").write_text("#!/no/such/interpreter\n")
    (agent.folder / "lost").chmod(0o755)
    agent.ready()
    order = server.run(*(part.format(folder=agent.folder) for part in argv))
    end = server.end_of(order)
    assert isinstance(end, wire.Finished)
    assert (end.exit_code, end.signal_reason) == (exit_code, "process_run_error")
    assert word in end.message
    assert end.started_at is None


def test_a_missing_working_folder_is_named(server: ScriptedServer, agent: Agent):
    agent.ready()
    end = server.end_of(server.run("true", spec={"cwd": "/no/such/folder"}))
    assert end.exit_code == 126
    assert "/no/such/folder" in end.message


def test_a_spec_that_makes_no_sense_ends_the_attempt_and_nothing_else(
    server: ScriptedServer, agent: Agent
):
    agent.ready()
    end = server.end_of(server.order("exec", spec={"argv": "not a list"}))
    assert end.signal_reason == "process_run_error"
    assert "argv" in end.message
    assert server.end_of(server.order("noop")).exit_code == 0


def test_a_driver_that_the_machine_lacks_is_refused(server: ScriptedServer, agent: Agent):
    agent.ready()
    end = server.end_of(server.order("teleport"))
    assert isinstance(end, wire.Refused)
    assert "teleport" in end.message


def test_a_slot_beyond_the_machines_own_is_refused(server: ScriptedServer, agent: Agent):
    agent.ready()
    end = server.end_of(server.order("noop", slot=4))
    assert isinstance(end, wire.Refused)
    assert "4 slots" in end.message


@pytest.fixture
def restricted(agent: Agent) -> Agent:
    (agent.folder / "agent.toml").write_text(
        """
        slots = 4
        [restrictions]
        drivers = ["exec"]
        allowed_commands = ["echo", "/opt/tools/*"]
        users = ["nobody"]
        max_slots = 2
        """
    )
    agent.options = ["--config", str(agent.folder / "agent.toml")]
    return agent


def test_the_owners_limits_reach_the_server(server: ScriptedServer, restricted: Agent):
    restricted.ready()
    assert server.sessions[-1].slots == 2
    assert server.sessions[-1].drivers == ["exec"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can run work as another user")
def test_what_the_owner_allows_runs(server: ScriptedServer, restricted: Agent):
    for folder in [restricted.folder, *list(restricted.folder.parents)[:3]]:
        folder.chmod(folder.stat().st_mode | 0o111)
    restricted.ready()
    order = server.run("echo", "hello", spec={"user": "nobody"})
    assert server.end_of(order).exit_code == 0
    assert server.output(order) == b"hello\n"


@pytest.mark.parametrize(
    ("driver", "spec", "word"),
    [
        ("noop", {}, "noop"),
        ("exec", {"argv": ["sh", "-c", "true"], "user": "nobody"}, "/sh"),
        ("exec", {"argv": ["/opt/tools/../../bin/sh"], "user": "nobody"}, "/bin/sh"),
        ("exec", {"argv": ["./echo"], "cwd": "/tmp", "user": "nobody"}, "/tmp/echo"),
        ("exec", {"argv": ["echo"], "env": {"LD_PRELOAD": "x"}, "user": "nobody"}, "LD_"),
        ("exec", {"argv": ["echo"]}, pwd.getpwuid(os.geteuid()).pw_name),
        ("exec", {"argv": ["echo"], "user": "daemon"}, "daemon"),
    ],
)
def test_what_the_owner_forbids_is_refused(
    server: ScriptedServer, restricted: Agent, driver: str, spec: dict[str, object], word: str
):
    restricted.ready()
    end = server.end_of(server.order(driver, spec=spec))
    assert isinstance(end, wire.Refused)
    assert word in end.message


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_full_disk_is_the_reason_and_the_slot_comes_back(
    server: ScriptedServer, agent: Agent, small_disk: Path
):
    agent.spool = small_disk / "spool"
    agent.ready()
    filler = server.shell(f"cat /dev/zero > {small_disk}/filler; exit 9")
    assert server.end_of(filler).signal_reason == "disk_full"
    order = server.shell("echo hello; exit 3")
    assert server.end_of(order).signal_reason == "disk_full"
    assert agent.process is not None
    assert agent.process.poll() is None
    (small_disk / "filler").unlink()
    again = server.shell("echo hello")
    assert server.end_of(again).exit_code == 0
    assert server.output(again) == b"hello\n"


@pytest.fixture
def small_disk(tmp_path: Path):
    disk = tmp_path / "disk"
    disk.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", str(disk)], check=False)
    if made.returncode != 0:
        pytest.skip("this machine lets nobody mount")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)
