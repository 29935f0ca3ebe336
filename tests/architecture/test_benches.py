"""Every bench can at least be loaded: nothing else runs them in CI."""

import subprocess
import sys

from benchmarks.__main__ import BENCHES


def test_every_bench_can_be_loaded():
    modules = [f"benchmarks.{name}" for name in BENCHES]
    loaded = subprocess.run(
        [sys.executable, "-c", f"import {', '.join(modules)}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert loaded.returncode == 0, loaded.stderr
