"""When is somebody needed who watches clusters? With the first K8s config; until then this waits.

Most platforms have no cluster. Waiting costs a connection and 25 MB, and Django with all of the
product three times as much: it takes this process over when there is something to watch.
"""

import os
import signal
import sys
import threading
from typing import Final

import psycopg

LOOK_EVERY_S: Final = 5.0
_IN_USE: Final = "SELECT 1 FROM pools_k8sconfig WHERE archived_at IS NULL LIMIT 1"


def main() -> None:
    """Wait for a config, then become ``django kube_watch``."""
    over = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: over.set())
    url = os.environ["K8S4R_DATABASE_URL"]
    while not _is_needed(url):
        if over.wait(LOOK_EVERY_S):
            return
    os.execv(sys.executable, [sys.executable, "-m", "django", "kube_watch"])  # noqa: S606


def _is_needed(url: str) -> bool:
    """Ask the database; while it is away nobody is needed."""
    try:
        with psycopg.connect(url, connect_timeout=5) as connection:
            return connection.execute(_IN_USE).fetchone() is not None
    except psycopg.Error:
        return False


if __name__ == "__main__":
    main()
