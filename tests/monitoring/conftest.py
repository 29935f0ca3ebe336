"""promtool for tests: the one on PATH, or built once from pinned Go modules, in the background.

Kept outside the checkout, under the hash of the pins. The build leaves out service discovery, with
all its clouds: two minutes on two cores instead of six.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import threading
from pathlib import Path

import pytest

MODULE = Path(__file__).parent / "promtool"
# The tests that run meanwhile go first.
GENTLY = ("nice", "-n", "15")
PROGRAM = "github.com/prometheus/prometheus/cmd/promtool"
WITHIN_S = 900.0
_FAILURES: list[str] = []
_building: list[threading.Thread] = []


def cache() -> Path:
    """Return the folder of what tests build."""
    chosen = os.environ.get("K8S4R_TEST_CACHE") or "~/.cache/k8s4r-tests"
    return Path(chosen).expanduser()


def built() -> Path:
    """Return where the program of these pins lies, or will lie."""
    pins = (MODULE / "go.mod").read_bytes() + (MODULE / "go.sum").read_bytes()
    return cache() / f"promtool-{hashlib.sha256(pins).hexdigest()[:16]}"


def build() -> None:
    """Build it, unless it is there or another process is faster."""
    program = built()
    program.parent.mkdir(parents=True, exist_ok=True)
    with program.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if program.exists():
            return
        draft = program.with_suffix(".draft")
        command = [*GENTLY, "go", "build", "-p", "1", "-tags", "remove_all_sd", "-trimpath"]
        command += ["-ldflags", "-s -w"]
        ended = subprocess.run(
            [*command, "-o", str(draft), PROGRAM],
            cwd=MODULE,
            env={**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly"},
            capture_output=True,
            text=True,
            check=False,
        )
        if ended.returncode:
            _FAILURES.append(ended.stderr[-2000:])
        else:
            draft.rename(program)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin to build as soon as it is known that somebody will ask."""
    asked = any("promtool" in getattr(item, "fixturenames", ()) for item in items)
    if asked and not _building and not shutil.which("promtool") and shutil.which("go"):
        _building.append(threading.Thread(target=build, name="promtool", daemon=True))
        _building[0].start()


@pytest.fixture
def promtool() -> Path:
    """Return the program; waits for the build."""
    installed = shutil.which("promtool")
    if installed:
        return Path(installed)
    if not _building:
        assert "CI" not in os.environ, "neither promtool nor go is installed here"
        pytest.skip("neither promtool nor go is installed here")
    _building[0].join(WITHIN_S)
    assert not _FAILURES, _FAILURES
    assert built().exists(), f"promtool was not built within {WITHIN_S:g} s"
    return built()
