"""Tasks that behave badly, through the whole platform: each ends in a stated reason.

With one slot in all, a task that follows shows that the slot came back, and when.
"""

import os
import subprocess
from contextlib import suppress

import psutil
import pytest

from tests import fleet
from tests.faults import operations
from tests.waiting import wait_until

pytestmark = [pytest.mark.processes, pytest.mark.timeout(240)]

KIB = 1024


@pytest.fixture(scope="module")
def platform():
    with fleet.platform(**operations.QUICK) as running:
        yield running


@pytest.fixture(scope="module")
def agent(platform):
    with operations.crew(platform, 1, slots=1) as running:
        yield running[0]


@pytest.fixture
def run(platform, agent):
    """Run one task to its end; return it and its only attempt."""

    def ran(*argv, **spec):
        (identity,) = operations.submit(platform, [{"spec": {"argv": list(argv), **spec}}])
        task = operations.ended(platform, identity)
        (attempt,) = operations.attempts(platform, identity)
        return task, attempt

    return ran


def shell(script):
    return "/bin/sh", "-c", script


def carriers(attempt):
    """Return the living processes whose environment names an attempt."""
    mark = f"K8S4R_ATTEMPT={attempt['id']}".encode()
    return [process.pid for process in psutil.process_iter() if _carries(process, mark)]


def _carries(process, mark):
    with suppress(psutil.Error, OSError):
        with open(f"/proc/{process.pid}/environ", "rb") as file:
            is_marked = mark in file.read().split(b"\0")
        return is_marked and process.status() != psutil.STATUS_ZOMBIE
    return False


def test_output_beyond_its_limit_is_cut_and_the_log_says_so(platform, run):
    task, attempt = run(*shell("yes | head -c 100000"), output_limit_bytes=10 * KIB)
    written = operations.log(platform, task["id"])
    assert (task["state"], attempt["exit_code"]) == ("completed", 0)
    assert written.startswith(b"y\ny\n")
    assert len(written) < 11 * KIB
    assert b"limit" in written[9 * KIB :]


def test_a_flood_without_end_is_ended_for_that_reason(run):
    task, attempt = run("yes", output_limit_bytes=64 * KIB)
    assert (task["state"], task["reason"]) == ("failed", "output_limit")
    assert not carriers(attempt)


def test_binary_output_arrives_as_it_was(platform, run):
    octal = "".join(f"\\{byte:03o}" for byte in range(256))
    task, _ = run("/usr/bin/printf", octal)
    assert task["state"] == "completed"
    assert operations.log(platform, task["id"]) == bytes(range(256))


def test_a_command_that_is_not_there_is_named(run):
    task, attempt = run("/no/such/command")
    assert (task["state"], task["reason"]) == ("failed", "process_run_error")
    assert attempt["exit_code"] == 127
    assert "'/no/such/command' was not found" in attempt["message"]


def test_a_file_that_is_not_executable_is_named(run, tmp_path):
    (tmp_path / "plain").write_text("echo no\n")
    task, attempt = run(str(tmp_path / "plain"))
    assert (task["state"], task["reason"]) == ("failed", "process_run_error")
    assert attempt["exit_code"] == 126
    assert "is not executable" in attempt["message"]


def test_a_daemon_that_work_leaves_behind_is_ended_before_the_slot_comes_back(run, tmp_path):
    sign = tmp_path / "daemon"
    leave = f"setsid sh -c 'trap \"\" TERM; echo $$ > {sign}; while :; do sleep 0.1; done'"
    task, attempt = run(
        *shell(f"{leave} >/dev/null 2>&1 & until [ -s {sign} ]; do sleep 0.1; done")
    )
    assert task["state"] == "completed"
    assert not psutil.pid_exists(int(sign.read_text()))
    assert not carriers(attempt)
    assert run("/bin/true")[0]["state"] == "completed"


def test_the_slot_of_work_that_ignores_sigterm_comes_back_when_its_group_is_gone(
    platform, run, agent
):
    deaf = shell("trap '' TERM; echo deaf; (trap '' TERM; sleep 300); sleep 300")
    first, next_one = operations.submit(
        platform,
        [{"spec": {"argv": list(deaf), "kill_grace_s": 2}}, {"spec": {"argv": ["/bin/true"]}}],
    )
    wait_until(lambda: operations.log(platform, first) == b"deaf\n", timeout_s=60)
    (attempt,) = operations.attempts(platform, first)
    assert len(carriers(attempt)) > 1

    platform.post(f"/api/v1/tasks/{first}/cancel", {})

    cancelled = operations.ended(platform, first)
    assert not carriers(attempt)
    followed = operations.ended(platform, next_one)
    (attempt,) = operations.attempts(platform, first)
    assert (cancelled["state"], attempt["signal"]) == ("cancelled", 9)
    assert operations.seconds_between(cancelled["ended_at"], followed["started_at"]) >= 0


def test_work_that_fails_says_with_which_code_and_signal(run):
    task, attempt = run(*shell("exit 3"))
    assert (task["reason"], attempt["exit_code"]) == ("exit_code", 3)
    task, attempt = run(*shell("kill -SEGV $$"))
    assert (task["reason"], attempt["signal"]) == ("signal", 11)


@pytest.fixture
def small_disk(tmp_path):
    """A disk of its own, of 24 MiB."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount")
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=24m", "k8s4r-test", str(disk)]
    mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"no tmpfs here: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_a_task_that_fills_the_disk_fails_for_that_reason_and_the_agent_goes_on(
    platform, agent, small_disk
):
    other = fleet.start_agent(
        platform,
        7,
        slots=1,
        options=("--spool", str(small_disk / "spool"), "--labels", "disk=small"),
    )
    try:
        wait_until(lambda: fleet.online(platform) == 2, timeout_s=60)
        greedy = shell("dd if=/dev/zero of=filling bs=1M; exit 9")
        tasks = [
            {"spec": {"argv": list(argv)}, "required_labels": {"disk": "small"}}
            for argv in (greedy, ("/bin/true",))
        ]
        filling, after = operations.submit(platform, tasks)
        filled, went_on = (operations.ended(platform, one) for one in (filling, after))
    finally:
        fleet.end(other)
    assert (filled["state"], filled["reason"]) == ("failed", "disk_full")
    assert went_on["state"] == "completed"
