"""Where the cluster's programs come from, and that none of them outlives its users."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.cluster import binaries, shared, toolchain
from tests.cluster.node.containers import CHECKOUT
from tests.waiting import wait_until

USER = """
import signal, sys
from pathlib import Path
from tests.cluster import shared
with shared.joined(Path(sys.argv[1])) as cluster:
    print(cluster.admin.get("/version")["gitVersion"], flush=True)
    signal.pause()
"""


def a_go(folder: Path, version: str) -> Path:
    """Return a program that says that it is Go of this version."""
    folder.mkdir(parents=True)
    program = folder / "go"
    program.write_text(f"#!/bin/sh\necho {version}\n")
    program.chmod(0o755)
    return program


def test_a_go_that_is_too_old_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    old = a_go(tmp_path / "old", "go1.19.8")
    new = a_go(tmp_path / "cache" / "go" / "go" / "bin", "go1.27.3")
    monkeypatch.setattr(toolchain, "USUAL", tmp_path / "nowhere")
    monkeypatch.setenv("PATH", f"{old.parent}:{os.environ['PATH']}")
    assert toolchain.find_go(tmp_path / "cache") == new


def test_assets_that_are_named_are_not_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("K8S4R_TEST_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))
    assert binaries.missing() == list(binaries.PROGRAMS)
    for name in binaries.PROGRAMS:
        (tmp_path / name).touch()
    assert binaries.obtain() == {name: tmp_path / name for name in binaries.PROGRAMS}


@pytest.mark.faults
@pytest.mark.usefixtures("start_cluster")
def test_a_cluster_ends_when_its_last_user_has_however_that_ended(tmp_path: Path):
    folder = tmp_path / "shared"
    users = [
        subprocess.Popen(
            [sys.executable, "-c", USER, folder], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    assert [user.stdout.readline() for user in users if user.stdout] == ["v1.36.3\n"] * 2
    servers = processes_of(folder)
    assert len(servers) == 6, "a keeper, four servers and a node"
    users[0].send_signal(signal.SIGKILL)
    with shared.joined(folder) as cluster:
        users[1].send_signal(signal.SIGKILL)
        assert cluster.admin.get("/version")
    wait_until(lambda: not processes_of(folder), timeout_s=60)
    for user in users:
        user.communicate()


def processes_of(folder: Path) -> list[int]:
    """Return the processes whose command lines name the folder, apart from its users."""
    lines = {one.pid: one.info["cmdline"] or [] for one in psutil.process_iter(["cmdline"])}
    return [
        pid
        for pid, words in lines.items()
        if any(str(folder) in word for word in words) and USER not in words
    ]
