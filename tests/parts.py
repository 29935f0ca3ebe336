"""Which real parts does a test run stand on? One fresh PostgreSQL and Redis, started once.

Loaded with ``-p tests.parts``, before Django reads its settings. Workers of pytest-xdist inherit
the addresses and take their own database and Redis database on them. ``K8S4R_TEST_PARTS=none``
starts nothing (for `make quick`). The cluster gets its place here, and is started by the first
test that wants it; ``K8S4R_TEST_CLUSTER`` may name the folder of one that runs.
"""

import atexit
import os
import secrets
import shutil
import tempfile
from pathlib import Path

import pytest

REDIS_DATABASES = 16
# Races take 64 connections for each worker of the run.


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests() -> None:
    os.environ.setdefault("K8S4R_SECRET_KEY", secrets.token_hex(32))
    # All tests come from one address, and many show bad tokens: those that mean it say so.
    os.environ.setdefault("K8S4R_BAD_CREDENTIALS", "0")
    if os.environ.get("K8S4R_TEST_PARTS") == "none":
        return
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker is None and "K8S4R_TEST_REDIS_URL" not in os.environ:
        _start()
    if "K8S4R_TEST_REDIS_URL" in os.environ:
        number = int(worker.removeprefix("gw")) + 1 if worker else 0
        os.environ["K8S4R_REDIS_URL"] = (
            f"{os.environ['K8S4R_TEST_REDIS_URL']}/{number % REDIS_DATABASES}"
        )


def _start() -> None:
    from k8s4r.embedded import postgres, redis  # noqa: PLC0415 - only where parts are wanted
    from tests.cluster import shared  # noqa: PLC0415

    folder = Path(tempfile.mkdtemp(prefix="k8s4r-tests-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    database = postgres.start(
        folder / "postgres", settings={**postgres.DURABLE, "max_connections": "300"}
    )
    atexit.register(database.stop)
    hints = redis.start(folder / "redis")
    atexit.register(hints.stop)
    if "K8S4R_TEST_CLUSTER" not in os.environ:
        os.environ["K8S4R_TEST_CLUSTER"] = str(folder / "cluster")
        atexit.register(shared.end, folder / "cluster")
    (folder / "home" / "static").mkdir(parents=True)
    os.environ["K8S4R_HOME"] = str(folder / "home")
    os.environ["K8S4R_DATABASE_URL"] = database.url
    os.environ["K8S4R_TEST_REDIS_URL"] = hints.url.rsplit("/", 1)[0]
