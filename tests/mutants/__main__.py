"""Put each seeded bug into a copy of the tree and run the tests that must notice.

Usage: python -m tests.mutants [NAME ...]. Exit status 1 when a bug goes unnoticed.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from k8s4r.embedded import postgres, redis
from tests.mutants.seed import Seed
from tests.mutants.seeds import SEEDS

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("k8s4r", "agents", "pools", "executors", "tests", "docs", "manage.py", "pyproject.toml")
TESTS_FAILED = 1
AT_MOST_S = 300


class SeedDoesNotFit(Exception):
    """The text a seed replaces is not there exactly once: the seed is out of date."""


def plant(seed: Seed, tree: Path) -> None:
    """Put the bug into the tree.

    Raises:
        SeedDoesNotFit: the code has changed; the seed must follow.
    """
    path = tree / seed.path
    text = path.read_text()
    if text.count(seed.old) != 1:
        raise SeedDoesNotFit(f"{seed.name}: {seed.path} has it {text.count(seed.old)} times")
    path.write_text(text.replace(seed.old, seed.new))


def is_caught(seed: Seed, environment: dict[str, str]) -> tuple[bool, str]:
    """Run the seed's tests on a mutated copy; return whether they failed, and what they said."""
    with tempfile.TemporaryDirectory(prefix="k8s4r-mutant-") as folder:
        tree = Path(folder)
        for name in COPIED:
            source = ROOT / name
            copy = shutil.copytree if source.is_dir() else shutil.copy2
            copy(source, tree / name)
        try:
            plant(seed, tree)
        except SeedDoesNotFit as error:
            return False, f"{error}\n"
        argv = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *seed.tests]
        ran = subprocess.run(
            argv,
            cwd=tree,
            env={**environment, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=False,
            timeout=AT_MOST_S,
        )
    # A mutant that does not even start says nothing: a test must have run and failed.
    failed = re.search(r"^\d+ failed", ran.stdout.splitlines()[-1]) if ran.stdout else None
    return ran.returncode == TESTS_FAILED and failed is not None, ran.stdout[-2000:]


@contextmanager
def parts() -> Iterator[str]:
    """Run one PostgreSQL and one Redis for all mutants; yield the base of the database's URL."""
    with tempfile.TemporaryDirectory(prefix="k8s4r-mutants-") as folder:
        base = Path(folder)
        settings = {**postgres.DURABLE, "max_connections": "300", "fsync": "off"}
        with (
            postgres.start(base / "postgres", settings=settings) as database,
            redis.start(base / "redis") as hints,
        ):
            os.environ["K8S4R_TEST_REDIS_URL"] = hints.url.rsplit("/", 1)[0]
            yield database.url


def main(names: Sequence[str]) -> int:
    """Judge the named seeds, or all; print one line each."""
    chosen = [seed for seed in SEEDS if not names or seed.name in names]
    unnoticed = 0
    with parts() as url, ThreadPoolExecutor(max(1, (os.cpu_count() or 2) // 2)) as pool:

        def judge(numbered: tuple[int, Seed]) -> tuple[Seed, bool, str]:
            number, seed = numbered
            # Each mutant has a test database of its own: pytest-django puts test_ before the name.
            own = url.replace("/k8s4r?", f"/m{number}?")
            return seed, *is_caught(seed, {**os.environ, "K8S4R_DATABASE_URL": own})

        for seed, caught, said in pool.map(judge, enumerate(chosen)):
            sys.stdout.write(f"{'caught ' if caught else 'MISSED '} {seed.invariant} {seed.name}\n")
            sys.stdout.flush()
            if not caught:
                unnoticed += 1
                sys.stdout.write(said)
    sys.stdout.write(f"{len(chosen) - unnoticed} of {len(chosen)} seeded bugs caught\n")
    return bool(unnoticed or not chosen)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
