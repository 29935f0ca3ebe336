"""The driver that runs a command.

Output goes to files in the attempt's folder, never through a pipe: a pipe dies with its reader,
and takes a process that writes at that moment along.
"""

import contextlib
import errno
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from agents.client import clock, processes
from agents.client.drivers.base import (
    NOT_EXECUTABLE,
    NOT_FOUND,
    Child,
    End,
    Launch,
    Place,
    Start,
)
from agents.client.drivers.spawning import Command, spawn
from agents.client.restrictions import Restrictions
from agents.wire.messages import Order
from agents.wire.specs import ExecSpec

PASSED_ON: Final = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "USER", "SHELL")
DEFAULT_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
DISK_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


@dataclass(frozen=True, slots=True)
class ExecDriver:
    """Runs ``argv`` as the leader of a session of its own.

    ``base_env`` is the agent's environment; only the names in `PASSED_ON` reach the work.
    """

    restrictions: Restrictions
    base_env: Mapping[str, str]
    name: str = "exec"

    def prepare(self, order: Order, place: Place) -> Start | End:
        try:
            spec = msgspec.convert(order.task.work, ExecSpec)
        except msgspec.ValidationError as error:
            return _unable(NOT_EXECUTABLE, str(error))
        folder = spec.cwd or place.work
        self.restrictions.check_user(spec.user)
        program = self.restrictions.program(
            spec.argv[0], env=spec.env, folder=folder, path=self._path()
        )
        env = self._environment(spec, place)
        return lambda: _start(spec, program, folder=folder, env=env, place=place)

    def _environment(self, spec: ExecSpec, place: Place) -> dict[str, str]:
        passed = {name: self.base_env[name] for name in PASSED_ON if name in self.base_env}
        return {"PATH": self._path()} | passed | spec.env | place.marks

    def _path(self) -> str:
        return self.base_env.get("PATH", DEFAULT_PATH)


def _start(
    spec: ExecSpec, program: str, *, folder: str, env: dict[str, str], place: Place
) -> Launch:
    try:
        _make_folder(place.work, spec.user)
        ticks = clock.boot_ticks()
        with (
            _closed_after(place.new_output(place.stdout)) as stdout,
            _closed_after(place.new_output(place.stderr)) as stderr,
        ):
            pid = spawn(Command(spec.argv, program, folder, env, (stdout, stderr), spec.user))
        pidfd = _pidfd(pid)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        return _failure(error, program=program, folder=folder)
    return Child(
        pid=pid,
        pidfd=pidfd,
        start_ticks=ticks,
        output_limit_bytes=spec.output_limit_bytes,
        kill_grace_s=spec.kill_grace_s,
    )


def _make_folder(folder: str, user: str | None) -> None:
    with contextlib.suppress(FileExistsError):
        os.mkdir(folder, 0o700)
    if user is not None:
        processes.hand_over(folder, user)


@contextlib.contextmanager
def _closed_after(descriptor: int) -> Iterator[int]:
    """Close it in the end; what a disk says then changes nothing about the process."""
    try:
        yield descriptor
    finally:
        with contextlib.suppress(OSError):
            os.close(descriptor)


def _pidfd(pid: int) -> int:
    """Return what says when the process ends; one that cannot be watched must not run."""
    try:
        return os.pidfd_open(pid)
    except OSError:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise


def _failure(error: Exception, *, program: str, folder: str) -> End:
    """Say why nothing was started, naming the path that is wrong."""
    if isinstance(error, OSError) and error.errno in DISK_FULL:
        return End(NOT_EXECUTABLE, signal_reason="disk_full", message=f"disk full: {error}")
    if not os.path.isdir(folder):
        return _unable(NOT_EXECUTABLE, f"working folder {folder!r} does not exist")
    if isinstance(error, FileNotFoundError) and not os.path.exists(program):
        return _unable(NOT_FOUND, f"command {program!r} was not found")
    return _unable(NOT_EXECUTABLE, _what_is_wrong(error, program=program, folder=folder))


def _what_is_wrong(error: Exception, *, program: str, folder: str) -> str:
    if isinstance(error, FileNotFoundError):
        return f"the interpreter that {program!r} names was not found"
    if isinstance(error, PermissionError) and error.filename == folder:
        return f"working folder {folder!r} may not be entered"
    if isinstance(error, PermissionError):
        return f"command {program!r} is not executable"
    return f"command {program!r} could not be started: {error}"


def _unable(exit_code: int, message: str) -> End:
    return End(exit_code, signal_reason="process_run_error", message=message[:4096])
