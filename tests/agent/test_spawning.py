"""Is a process the same, whichever way it was started?"""

import errno
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agents.client.drivers import spawning
from agents.client.drivers.spawning import Command
from agents.client.runner.starters import Starters

ABOUT_ITSELF = """
import fcntl, json, os, sys
json.dump({
    "argv": sys.argv[1:], "cwd": os.getcwd(), "env": dict(os.environ),
    "leads": os.getsid(0) == os.getpid() == os.getpgrp(),
    "open": sorted(int(fd) for fd in os.listdir("/proc/self/fd"))[:-1],
    "stdin": [os.readlink("/proc/self/fd/0"), fcntl.fcntl(0, fcntl.F_GETFL) & os.O_ACCMODE],
}, sys.stdout)
"""
# Without the two that the C library keeps for itself.
STANDARD_SIGNALS = 2**31 - 1
WAYS = {"plain": spawning._spawn_plain, "any": spawning._spawn_any}


@pytest.fixture
def output(tmp_path: Path) -> Iterator[tuple[int, int]]:
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
    pair = tuple(os.open(tmp_path / name, flags, 0o600) for name in ("out", "err"))
    yield pair
    for fd in pair:
        os.close(fd)


@pytest.fixture
def command(tmp_path: Path, output: tuple[int, int]) -> Command:
    return Command(
        argv=[sys.executable, "-I", "-S", "-c", ABOUT_ITSELF, "a b", "ü", ""],
        program=sys.executable,
        folder=str(tmp_path),
        env={"PATH": "/usr/bin:/bin", "WORD": "ä = b", "EMPTY": ""},
        output=output,
    )


def ran(way: Callable[[Command], int | None], command: Command) -> tuple[int, str]:
    """Return the exit status and what was written to stdout."""
    pid = way(command)
    assert pid
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return status, os.pread(command.output[0], 65536, 0).decode()


def test_both_ways_give_the_same_process(command: Command):
    # What the runner has open must not reach the work, not even what a library opened for it.
    leaked = os.open(os.devnull, os.O_RDONLY)
    os.set_inheritable(leaked, True)
    seen = {}
    try:
        for name, way in WAYS.items():
            os.ftruncate(command.output[0], 0)
            status, seen[name] = ran(way, command)
            assert status == 0
    finally:
        os.close(leaked)
    assert seen["plain"] == seen["any"]
    assert '"leads": true' in seen["plain"]
    assert '"open": [0, 1, 2]' in seen["plain"]
    assert f'"stdin": ["/dev/null", {os.O_RDWR}]' in seen["plain"]


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_no_signal_is_blocked_or_ignored(way: Callable[[Command], int | None], command: Command):
    # Python ignores SIGPIPE: work that inherits that runs on after its reader is gone.
    argv = ["grep", "-E", "^Sig(Ign|Blk)", "/proc/self/status"]
    status, lines = ran(way, replace(command, argv=argv, program="/bin/grep"))
    masks = [int(line.split()[1], 16) & STANDARD_SIGNALS for line in lines.splitlines()]
    assert (status, masks) == (0, [0, 0])


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_program_is_looked_for_on_the_path_of_the_order(
    way: Callable[[Command], int | None], command: Command, tmp_path: Path
):
    own = tmp_path / "bin" / "greet"
    own.parent.mkdir()
    own.write_text("#!/bin/sh\necho hello\n")
    own.chmod(0o755)
    env = {"PATH": f"/nowhere:{own.parent}:/bin"}
    assert ran(way, replace(command, argv=["greet"], program="greet", env=env)) == (0, "hello\n")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"env": {"PATH": "bin:/bin"}, "program": "sh", "argv": ["sh", "-c", ""]}, None),
        ({"user": "nobody"}, None),
        ({"argv": ["a\0b"]}, ValueError),
        ({"folder": "/tmp\0/nowhere"}, ValueError),
        ({"program": "/bin/true\0/nowhere"}, ValueError),
        ({"env": {"A=B": "c"}}, ValueError),
        ({"env": {"A": "\0"}}, ValueError),
        ({"program": "/nowhere/at/all"}, FileNotFoundError),
        ({"program": "nowhere-at-all"}, FileNotFoundError),
        ({"program": "/etc/passwd"}, PermissionError),
        ({"folder": "/nowhere/at/all"}, FileNotFoundError),
    ],
)
def test_what_is_not_plain_or_fails_is_left_to_subprocess(
    command: Command, change: dict[str, object], says: type[Exception] | None
):
    odd = replace(command, **change)
    assert spawning._spawn_plain(odd) is None
    if says is not None:
        with pytest.raises(says):
            spawning.spawn(odd)


def test_a_folder_that_is_not_there_is_named(command: Command):
    with pytest.raises(FileNotFoundError) as caught:
        spawning.spawn(replace(command, folder="/nowhere/at/all"))
    assert (caught.value.errno, caught.value.filename) == (errno.ENOENT, "/nowhere/at/all")


def test_what_subprocess_started_is_collected_by_nobody_else(command: Command):
    pid = spawning._spawn_any(replace(command, argv=["true"], program="/bin/true"))
    # A new one looks after all that were let go of before.
    subprocess.Popen(["/bin/true"]).wait()
    assert os.waitpid(pid, 0) == (pid, 0)


def test_starts_go_on_at_once_and_are_answered_in_order(command: Command):
    pids = Starters().run([lambda: spawning.spawn(command) for _ in range(20)])
    assert [os.waitpid(pid, 0) for pid in pids]
    begun: list[int] = []

    def wait_for_another(number: int) -> int:
        begun.append(number)
        read, write = pipes[number % 2], pipes[(number + 1) % 2]
        os.write(write[1], b"x")
        assert os.read(read[0], 1) == b"x"
        return number

    pipes = [os.pipe(), os.pipe()]
    try:
        # Each waits for the other, so this ends only when both are begun.
        calls = [lambda n=n: wait_for_another(n) for n in range(2)]
        assert list(Starters().run(calls)) == [0, 1]
    finally:
        for pair in pipes:
            for fd in pair:
                os.close(fd)


def test_starting_needs_no_new_thread():
    starters = Starters()
    before = set(threading.enumerate())
    assert list(starters.run([os.getpid] * 8)) == [os.getpid()] * 8
    assert set(threading.enumerate()) <= before


def test_a_process_may_be_stopped_as_a_group(command: Command):
    pid = spawning._spawn_plain(replace(command, argv=["sleep", "60"], program="/bin/sleep"))
    assert pid
    os.killpg(pid, signal.SIGTERM)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGTERM
