"""How does one container's command run? In namespaces of its own; started as a script.

``python -I -S inside.py SPEC PARENT`` with the path of a JSON file ``{argv, env, cwd, hostname,
read_only_root, mounts: [{source, target, read_only}], keep: [path]}`` and our parent's pid.

The command is process 1 of its own process namespace: when it ends, or when we are killed, the
kernel ends all its children. Paths in ``keep`` stay what they are on the machine, whatever is
mounted above them. A mount point that the machine lacks is made there, and stays: an empty folder.
It imports nothing of ours, so that it costs little.
"""

import ctypes
import json
import os
import select
import signal
import sys
from typing import Any

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWUSER, CLONE_NEWPID = 0x20000, 0x4000000, 0x10000000, 0x20000000
MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 0x1, 0x20, 0x1000, 0x4000, 0x40000
# Flags that a mount already has and that an unprivileged namespace may not take away.
LOCKED = 0x2 | 0x4 | 0x8 | 0x400
PR_SET_PDEATHSIG = 1
NOT_FOUND, NOT_STARTED = 127, 128
FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)

libc = ctypes.CDLL(None, use_errno=True)


def _checked(code: int, what: str) -> None:
    if code != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _mount(source: str, target: str, kind: str | None, flags: int) -> None:
    encoded = kind.encode() if kind else None
    code = libc.mount(source.encode(), os.fsencode(target), encoded, ctypes.c_ulong(flags), None)
    _checked(code, f"mount {target}")


def enter_namespaces() -> None:
    """Leave the machine's mounts, processes and host name; without root, its users as well."""
    uid, gid = os.geteuid(), os.getegid()
    flags = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWPID | (CLONE_NEWUSER if uid else 0)
    _checked(libc.unshare(ctypes.c_int(flags)), "unshare")
    if uid:
        for name, text in (
            ("setgroups", "deny"),
            ("uid_map", f"0 {uid} 1"),
            ("gid_map", f"0 {gid} 1"),
        ):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)
    _mount("none", "/", None, MS_REC | MS_PRIVATE)


def lay_mounts(spec: dict[str, Any]) -> None:
    """Bind every volume; sources are held open, for one mount may hide where another lies."""
    held = [os.open(mount["source"], os.O_PATH) for mount in spec["mounts"]]
    kept = [(path, os.open(path, os.O_PATH)) for path in spec["keep"]]
    for mount, source in sorted(
        zip(spec["mounts"], held, strict=True), key=lambda p: p[0]["target"]
    ):
        target = mount["target"]
        _provide(target, is_folder=os.path.isdir(f"/proc/self/fd/{source}"))
        _mount(f"/proc/self/fd/{source}", target, None, MS_BIND | MS_REC)
        if mount["read_only"]:
            _make_read_only(target)
    for path, source in kept:
        if not os.path.exists(path):
            _provide(path, is_folder=True)
            _mount(f"/proc/self/fd/{source}", path, None, MS_BIND | MS_REC)
    if spec["read_only_root"]:
        _make_read_only("/")


def _provide(path: str, *, is_folder: bool) -> None:
    os.makedirs(path if is_folder else os.path.dirname(path), exist_ok=True)
    if not is_folder:
        os.close(os.open(path, os.O_CREAT | os.O_RDONLY, 0o644))


def _make_read_only(target: str) -> None:
    locked = os.statvfs(target).f_flag & LOCKED
    _mount("none", target, None, MS_REMOUNT | MS_BIND | MS_RDONLY | locked)


def become(spec: dict[str, Any], lifeline: int) -> None:
    """Be the command; never returns. ``lifeline`` is at its end when our parent has ended."""
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if select.select([lifeline], [], [], 0)[0]:
        os._exit(NOT_STARTED)
    try:
        _mount("proc", "/proc", "proc", 0)
        lay_mounts(spec)
        name = spec["hostname"].encode()
        _checked(libc.sethostname(name, len(name)), "sethostname")
        os.chdir(spec["cwd"])
        os.execvpe(spec["argv"][0], spec["argv"], spec["env"])
    except FileNotFoundError as error:
        _fail(NOT_FOUND, error)
    except OSError as error:
        _fail(NOT_STARTED, error)


def _fail(code: int, error: OSError) -> None:
    sys.stderr.write(f"container could not be started: {error}\n")
    sys.stderr.flush()
    os._exit(code)


def main(path: str, parent: int) -> int:
    """Run the command and return how it ended, as a shell says it."""
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        return NOT_STARTED
    with open(path) as file:
        spec = json.load(file)
    enter_namespaces()
    lifeline, held = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(held)
        become(spec, lifeline)
    for number in FORWARDED:
        signal.signal(number, lambda got, _frame: os.kill(child, got))
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
