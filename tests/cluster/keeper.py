"""Who keeps the cluster that several processes share? A process of its own, while it is used.

``python -m tests.cluster.keeper FOLDER [--stay] [--pretend]``. Users hold a shared lock on a file;
when nobody does any more, however they ended, the keeper stops the cluster and ends. ``--stay``
keeps it until SIGTERM.
"""

import argparse
import fcntl
import os
import signal
import threading
from pathlib import Path
from typing import IO

from tests.cluster import binaries, clusters
from tests.cluster.clusters import FACTS

USERS, KEEPER = "users", "keeper"
LOOK_EVERY_S = 0.5


def is_unused(users: IO[str]) -> bool:
    """Take the users' lock and return True when nobody holds it: from then on newcomers wait."""
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def main() -> None:
    """Keep a cluster in the folder."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--stay", action="store_true")
    parser.add_argument("--pretend", action="store_true")
    asked = parser.parse_args()
    folder: Path = asked.folder
    over = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: over.set())
    with (folder / KEEPER).open("w") as keeper, (folder / USERS).open("a") as users:
        # Held until our end: whoever waits for it waits for us.
        fcntl.flock(keeper, fcntl.LOCK_EX)
        try:
            with clusters.running(folder, binaries.obtain(), pretends=asked.pretend) as cluster:
                cluster.publish(keeper=os.getpid())
                while not over.wait(LOOK_EVERY_S) and (asked.stay or not is_unused(users)):
                    pass
        finally:
            (folder / FACTS).unlink(missing_ok=True)


if __name__ == "__main__":
    main()
