"""How does a short command deal with a supervisor in another process? Start, wait, ask, stop.

Standard library only: it serves the command line for people, which may be installed alone.
"""

import os
import signal
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

from k8s4r.embedded import credentials, interpreter, lock, logfiles, state
from k8s4r.embedded.configuration import Home
from k8s4r.embedded.errors import EmbeddedError

MODULE = "k8s4r.embedded"
POLL_S = 0.1
# Longer than the longest start, a large migration, and the longest stop, a large checkpoint.
UP_WITHIN_S = 900.0
DOWN_WITHIN_S = 180.0
Say = Callable[[str], object]


def environment(home: Home) -> dict[str, str]:
    """Return the environment of a supervisor of ``home``."""
    return {**os.environ, **interpreter.path_variable(), "K8S4R_HOME": str(home.root)}


def become_supervisor(home: Home, arguments: tuple[str, ...]) -> None:
    """Go on as the supervisor, in the foreground; does not return."""
    argv = interpreter.command(MODULE, *arguments)
    # `python -m` looks into the current folder first: into none where strangers may write.
    os.chdir("/")
    os.execve(argv[0], argv, environment(home))  # noqa: S606  # a fixed list of ours, no shell


def start_detached(home: Home, arguments: tuple[str, ...], *, say: Say) -> None:
    """Start a supervisor in the background, repeat what it says, return when everything is up.

    Raises:
        EmbeddedError: it ended instead; it has said why.
    """
    for folder in (home.root, home.logs):
        credentials.private_folder(folder)
    log = home.log_of("supervisor")
    logfiles.trim(log)
    with log.open("ab") as file:
        offset = file.tell()
        process = subprocess.Popen(  # noqa: S603  # a fixed list of ours, no shell
            interpreter.command(MODULE, *arguments),
            env=environment(home),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd="/",
        )
    pause = threading.Event()
    for _ in range(int(UP_WITHIN_S / POLL_S)):
        is_over = process.poll() is not None or _is_up(home, process.pid)
        offset = _repeat(log, offset, say)
        if is_over:
            break
        pause.wait(POLL_S)
    other = lock.holder(home.run)
    if other not in (None, process.pid):
        # Another `up` was quicker; its platform is as good as ours.
        await_up(home, other)
    elif not _is_up(home, process.pid):
        raise EmbeddedError(f"the platform did not come up; see {log}")


def await_up(home: Home, pid: int) -> None:
    """Wait until the platform of a supervisor that already runs is up.

    Raises:
        EmbeddedError: it ended instead, or time is up.
    """
    pause = threading.Event()
    for _ in range(int(UP_WITHIN_S / POLL_S)):
        if lock.holder(home.run) != pid:
            break
        if _is_up(home, pid):
            return
        pause.wait(POLL_S)
    raise EmbeddedError(f"the platform did not come up; see {home.logs}")


def stop(home: Home) -> bool:
    """Stop the platform and wait for it; return whether there was one.

    What a killed supervisor left running is stopped as well.

    Raises:
        EmbeddedError: it still runs when time is up.
    """
    pid = lock.holder(home.run)
    if pid is None:
        clear = interpreter.command(MODULE, "clear")
        subprocess.run(clear, env=environment(home), check=False, cwd="/")  # noqa: S603  # ours
        return False
    os.kill(pid, signal.SIGTERM)
    pause = threading.Event()
    for _ in range(int(DOWN_WITHIN_S / POLL_S)):
        if lock.holder(home.run) is None:
            return True
        pause.wait(POLL_S)
    raise EmbeddedError(f"the supervisor, pid {pid}, still runs after {DOWN_WITHIN_S:.0f} s")


def status(home: Home) -> state.PlatformStatus | None:
    """Return how the platform is; None when no supervisor runs."""
    pid = lock.holder(home.run)
    said = state.read(home.run)
    return said if said and said.pid == pid else None


def _is_up(home: Home, pid: int) -> bool:
    said = state.read(home.run)
    return said is not None and said.pid == pid and said.is_up


def _repeat(log: Path, offset: int, say: Say) -> int:
    """Say the whole lines that are new in the log; return where they end."""
    with log.open("rb") as file:
        file.seek(offset)
        whole = file.read().rpartition(b"\n")[0]
    if not whole:
        return offset
    for line in whole.decode(errors="replace").splitlines():
        say(line)
    return offset + len(whole) + 1
