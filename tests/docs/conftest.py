"""The platform that `make run` starts, for a reader whose home is empty."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from tests.docs.blocks import ROOT
from tests.docs.shells import Reader
from tests.ports import held_port

PROGRAMS = Path(sys.executable).parent
# The people of the tour; an administrator makes them in the console.
ALICE = "from k8s4r.access.models import User; User.objects.create_user('alice')"
INHERITED = ("LANG", "USER", "TERM")


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    # Short, so that PostgreSQL's socket lies within.
    with tempfile.TemporaryDirectory(prefix="k8s4r-docs-") as folder:
        # A refused call ends a page like any other failure.
        (Path(folder) / ".curlrc").write_text("fail-with-body\n")
        yield Path(folder)


@pytest.fixture(scope="module")
def port() -> int:
    return held_port()


@pytest.fixture(scope="module")
def environment(home: Path, port: int) -> dict[str, str]:
    kept = {name: os.environ[name] for name in INHERITED if name in os.environ}
    path = f"{PROGRAMS}:{os.environ['PATH']}"
    return {**kept, "HOME": str(home), "PATH": path, "K8S4R_PORT": str(port)}


@pytest.fixture(scope="module")
def platform(environment: dict[str, str], home: Path) -> Iterator[str]:
    """Run `make run` and return what it said; the platform is stopped at the end."""
    try:
        yield _said(["make", "run"], environment)
    finally:
        _said([str(PROGRAMS / "k8s4r"), "down"], environment)


@pytest.fixture(scope="module")
def reader(platform: str, environment: dict[str, str], home: Path, port: int) -> Reader:
    """Return who follows the pages about a platform that runs on this machine."""
    secrets = home / ".local/share/k8s4r/secrets/environment"
    _said(["sh", "-c", f'. {secrets}; python -m django shell -c "{ALICE}"'], environment)
    (home / "run").mkdir()
    here = {
        r"127\.0\.0\.1:8420": f"127.0.0.1:{port}",
        r"\.venv/bin/": f"{PROGRAMS}/",
        "/mnt/backups": str(home / "backups"),
        "/run/k8s4r": str(home / "run"),
        # In the short tour: the newest one.
        "(?:(?<=k8s4r why )|(?<=k8s4r cancel ))TASK": "$(k8s4r get tasks -o name --limit 1)",
    }
    return Reader(environment, here)


@pytest.fixture
def database() -> Iterator[str]:
    """Return the address of an empty database, as `createdb` leaves it."""
    server, name = os.environ["K8S4R_DATABASE_URL"], f"docs-{uuid4().hex[:8]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield urlsplit(server)._replace(path=f"/{name}").geturl()
        forced = sql.SQL("DROP DATABASE {} WITH (FORCE)")
        connection.execute(forced.format(sql.Identifier(name)))


@pytest.fixture
def installer(database: str, environment: dict[str, str], tmp_path: Path) -> Reader:
    """Return who sets up servers of their own; what is below / goes into a folder."""
    here = {
        r"postgresql://k8s4r:PASSWORD@db\.example\.com/k8s4r": f"'{database}'",
        r"redis://:PASSWORD@redis\.example\.com:6379/0": f"'{os.environ['K8S4R_REDIS_URL']}'",
        r"/opt/k8s4r(-[\d.]+)?/bin": str(PROGRAMS),
        "/etc/k8s4r": str(tmp_path / "etc"),
        "/var/lib/k8s4r": str(tmp_path / "data"),
    }
    return Reader(environment, here)


def _said(argv: list[str], environment: dict[str, str]) -> str:
    ended = subprocess.run(
        argv, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, f"{argv}\n{ended.stdout}\n{ended.stderr}"
    return ended.stdout
