"""Which processes carry an attempt, and how are they ended?

Three nets, for each one alone has holes. The group: everything that did not start a session of
its own. The environment: an attempt's processes carry its id, daemonised ones too. Ancestry: the
runner is a subreaper, so whatever an ended process leaves behind becomes the runner's child, even
with an environment that was wiped.
"""

import contextlib
import ctypes
import os
import pwd
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

ATTEMPT_MARK: Final = "K8S4R_ATTEMPT"
RUNNER_MARK: Final = "K8S4R_RUNNER"
_PR_SET_CHILD_SUBREAPER: Final = 36
_READ_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Stat:
    """What the kernel says of a process; ``start_ticks`` are as in `clock.boot_ticks`."""

    pid: int
    state: str
    parent: int
    group: int
    start_ticks: int

    @property
    def is_dead(self) -> bool:
        return self.state in "ZX"


def become_subreaper() -> None:
    """Adopt what the children of this process leave behind (prctl(2))."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "PR_SET_CHILD_SUBREAPER")


def stat(pid: int) -> Stat | None:
    """Return what the kernel says of ``pid``; ``None`` when there is no such process."""
    data = _read(f"/proc/{pid}/stat")
    if not data:
        return None
    fields = data[data.rindex(b")") + 2 :].split()
    return Stat(pid, fields[0].decode(), int(fields[1]), int(fields[2]), int(fields[19]))


def children() -> list[int]:
    """Return the pids of the main thread's children, ended ones that nobody reaped included.

    To it the kernel hands whatever the children of this process leave; what another thread started
    is not among them.
    """
    pid = os.getpid()
    return [int(child) for child in _read(f"/proc/{pid}/task/{pid}/children").split()]


def marks(pid: int) -> dict[str, str]:
    """Return the marks in a process's environment; empty when it has none or hides them."""
    data = _read(f"/proc/{pid}/environ")
    if b"K8S4R_" not in data:
        return {}
    pairs = (pair.partition(b"=") for pair in data.split(b"\0") if pair.startswith(b"K8S4R_"))
    return {name.decode(): value.decode("utf-8", "replace") for name, _, value in pairs}


def carriers(name: str, value: str) -> Iterator[int]:
    """Yield the pids of the living processes whose environment says ``name=value``."""
    for pid in _all_pids():
        if marks(pid).get(name) == value:
            found = stat(pid)
            if found is not None and not found.is_dead:
                yield pid


def descendants(roots: set[int]) -> set[int]:
    """Return ``roots`` and everything below them."""
    parents = {found.pid: found.parent for found in map(stat, _all_pids()) if found is not None}
    below = set(roots)
    grown = True
    while grown:
        more = {pid for pid, parent in parents.items() if parent in below} - below
        below |= more
        grown = bool(more)
    return below


def send(pid: int, number: signal.Signals) -> None:
    """Signal one process; one that is gone already is as good."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def send_to_group(leader: int, number: signal.Signals) -> None:
    """Signal a group whose leader was not reaped yet: only so its number is surely ours."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, number)


def reap(pid: int) -> bool:
    """Collect a child that ended; ``False`` while it lives."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return True


def has_exited(pid: int) -> bool:
    """Has this child ended? It stays unreaped, so that its number stays ours."""
    options = os.WEXITED | os.WNOHANG | os.WNOWAIT
    return os.waitid(os.P_PID, pid, options) is not None


def as_user(name: str | None) -> dict[str, Any]:
    """Return the arguments that make `subprocess.Popen` run as another user."""
    if name is None:
        return {}
    try:
        account = pwd.getpwnam(name)
    except KeyError as error:
        raise ValueError(f"user {name!r} does not exist on this machine") from error
    groups = os.getgrouplist(name, account.pw_gid)
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": groups}


def hand_over(folder: str, name: str) -> None:
    """Give a folder to a user."""
    with contextlib.suppress(KeyError):
        account = pwd.getpwnam(name)
        os.chown(folder, account.pw_uid, account.pw_gid)


def _all_pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _read(path: str) -> bytes:
    """Return a file of /proc; nothing when the process is gone or not ours to see."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return b"".join(iter(lambda: os.read(fd, _READ_BYTES), b""))
    except OSError:
        return b""
    finally:
        os.close(fd)
