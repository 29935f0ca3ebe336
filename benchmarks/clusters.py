"""What does a look at a cluster with a thousand pods cost, and how much memory do 5,000 take?

A real control plane, whose node only says that pods run. The peer of a look is its list alone; the
peer of the memory is the process before it saw a pod.
"""

import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import psutil

from benchmarks.fleet import parts
from benchmarks.machine import Figure, note, report
from tests.cluster import binaries, clusters, namespaces

PODS, MORE = 1_000, 5_000
ROUNDS = 5


def main() -> None:
    """Make pods as the product does, and look at them again and again."""
    with parts(), tempfile.TemporaryDirectory() as folder:
        programs = binaries.obtain()
        with (
            clusters.running(Path(folder), programs, pretends=True) as cluster,
            namespaces.fresh(cluster) as namespace,
        ):
            _measure(namespace)


def _measure(namespace: namespaces.Namespace) -> None:
    from benchmarks import cluster_world as world  # noqa: PLC0415 - needs the database of `parts`

    world.prepare()
    scene = world.a_scene(namespace)
    before_mb = _rss_mb()
    made_s = world.make(scene, PODS)
    looks = [world.look(scene) for _ in range(ROUNDS)]
    listed_s = min(world.list_only(scene) for _ in range(ROUNDS))
    _report_look(looks, listed_s, made_s)
    world.make(scene, MORE - PODS)
    for _ in range(ROUNDS):
        world.look(scene)
    after_mb = _rss_mb()
    detail = {"pods": MORE, "look_s": round(world.look(scene).took_s, 3)}
    report(Figure("watcher", after_mb, before_mb, "MB", "lower", "<= 200 MB", detail))


def _report_look(looks: list[SimpleNamespace], listed_s: float, made_s: float) -> None:
    best = min(looks, key=lambda one: one.took_s)
    detail = {
        "pods": PODS,
        "statements": max(one.statements for one in looks),
        "slowest_s": round(max(one.took_s for one in looks), 3),
        "made_s": round(made_s, 1),
    }
    note(f"{best.statements} statements")
    report(Figure("look", best.took_s, listed_s, "s", "lower", "<= 1 s, 20 statements", detail))


def _rss_mb() -> float:
    return float(psutil.Process().memory_info().rss / 2**20)


if __name__ == "__main__":
    began = time.monotonic()
    main()
    note(f"took {time.monotonic() - began:.0f} s")
