"""Where are the cluster's programs? Built once from the pins, then found in a cache.

The cache is ``K8S4R_TEST_CACHE``, else ``~/.cache/k8s4r-tests``, as for all that tests build; the
folder there has a name made from the pins. ``KUBEBUILDER_ASSETS`` comes first: only what it lacks
is built.
"""

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.cluster import toolchain

PINS = Path(__file__).with_name("pins")
KUBERNETES = "v1.36.3"
_STAMP = "k8s.io/component-base/version"
_MAJOR, _MINOR, _ = KUBERNETES.removeprefix("v").split(".")
# Without its version kubectl refuses to start.
_VERSION = f"-X {_STAMP}.gitVersion={KUBERNETES} -X {_STAMP}.gitMajor={_MAJOR} -X {_STAMP}.gitMinor={_MINOR}"  # noqa: E501
_AT_ONCE = max(1, min(4, os.cpu_count() or 1))


@dataclass(frozen=True, slots=True)
class Source:
    """One Go module of ours and what is built from it: packages by the program's name."""

    folder: str
    packages: dict[str, str]
    stamp: str = ""


SOURCES = (
    Source("etcd", {"etcd": "go.etcd.io/etcd/server/v3"}),
    Source(
        "kubernetes",
        {
            name: f"k8s.io/kubernetes/cmd/{name}"
            for name in ("kube-apiserver", "kube-scheduler", "kube-controller-manager", "kubectl")
        },
        _VERSION,
    ),
)
PROGRAMS = tuple(name for source in SOURCES for name in source.packages)


class DidNotBuild(RuntimeError):
    """Go failed; the message ends with what it said."""


def cache() -> Path:
    """Return the folder that outlives checkouts."""
    return Path(os.environ.get("K8S4R_TEST_CACHE") or "~/.cache/k8s4r-tests").expanduser()


def folder() -> Path:
    """Return where programs of these pins lie, or will."""
    digest = hashlib.sha256(f"{_VERSION} {platform.machine()}".encode())
    for path in sorted(PINS.rglob("go.*")):
        digest.update(path.read_bytes())
    return cache() / f"cluster-{digest.hexdigest()[:12]}"


def locate(name: str) -> Path:
    """Return where the program is, or will be when it has been built."""
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    given = Path(assets) / name if assets else None
    return given if given is not None and given.exists() else folder() / name


def missing() -> list[str]:
    """Return the programs that have to be built."""
    return [name for name in PROGRAMS if not locate(name).exists()]


def obtain() -> dict[str, Path]:
    """Return the path of every program; builds what is missing, or waits for whoever does.

    Raises:
        DidNotBuild, NoGo: there is no way to have them; says why.
    """
    if missing():
        with _alone():
            for source in SOURCES:
                _build(source, [name for name in source.packages if name in missing()])
    return {name: locate(name) for name in PROGRAMS}


@contextmanager
def _alone() -> Iterator[None]:
    folder().mkdir(parents=True, exist_ok=True)
    with (folder() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(source: Source, names: Sequence[str]) -> None:
    if not names:
        return
    # A copy: the checkout may change, or go, while this takes its minutes.
    unfinished = folder() / "unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    shutil.copytree(PINS / source.folder, unfinished)
    go = toolchain.find_go(cache())
    flags = ["-p", str(_AT_ONCE), "-trimpath", "-ldflags", f"-s -w {source.stamp}".strip()]
    for name in names:
        # One after the other: each is there for whoever needs no more than that.
        argv = ["nice", "-n", "15", str(go), "build", *flags, "-o", str(unfinished / name)]
        done = subprocess.run(
            [*argv, source.packages[name]],
            cwd=unfinished,
            env={**os.environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOWORK": "off"},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise DidNotBuild(f"{name} did not build with {go}:\n{done.stderr[-4000:]}")
        (unfinished / name).replace(folder() / name)
