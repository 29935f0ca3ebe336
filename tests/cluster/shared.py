"""How do the processes of one test run share a cluster? The first starts its keeper, all join."""

import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from k8s4r.embedded.programs import last_lines
from tests.cluster.clusters import FACTS, Cluster
from tests.cluster.keeper import KEEPER, USERS
from tests.cluster.node.containers import CHECKOUT
from tests.waiting import wait_until

# Ready in 10 s on two cores with other work; those who wait have no better.
READY_WITHIN_S = 300.0


@contextmanager
def joined(folder: Path) -> Iterator[Cluster]:
    """Use the cluster of this folder until the block ends; the first user starts it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / USERS).open("a") as users:
        with (folder / "starting").open("w") as starting:
            fcntl.flock(starting, fcntl.LOCK_EX)
            # Waits for a keeper that is just ending.
            fcntl.flock(users, fcntl.LOCK_SH)
            if not (folder / FACTS).exists():
                start(folder)
        yield Cluster.found(folder)


def start(folder: Path, *options: str) -> None:
    """Start a keeper and wait until its cluster is ready.

    Raises:
        AssertionError: it did not become ready; has the end of its log.
    """
    log = folder / "keeper.log"
    with log.open("ab") as said:
        keeper = subprocess.Popen(
            [sys.executable, "-m", "tests.cluster.keeper", folder, *options],
            cwd=CHECKOUT,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
    wait_until(
        lambda: (folder / FACTS).exists() or keeper.poll() is not None,
        timeout_s=READY_WITHIN_S,
    )
    assert keeper.poll() is None, "\n".join(["the cluster did not start:", *last_lines(log, 30)])


def end(folder: Path) -> bool:
    """End the cluster of this folder and wait for it; return whether there was one."""
    if not (folder / KEEPER).exists():
        return False
    has_facts = (folder / FACTS).exists()
    if has_facts:
        keeper = json.loads((folder / FACTS).read_text())["keeper"]
        with suppress(ProcessLookupError):
            os.kill(keeper, signal.SIGTERM)
    with (folder / KEEPER).open("r+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
    (folder / FACTS).unlink(missing_ok=True)
    return has_facts
