"""How long does a pass over a thousand pods take, and are pods full while work waits?

The peer of a pass over pods is the same pass over as many agents in no pod; the peer of the use of
slots is all of them, all the time.
"""

import gc
import statistics
import time

from benchmarks.fleet import parts
from benchmarks.machine import Figure, note, report

PODS, QUEUED = 1_000, 10_000
ROUNDS = 7
WORKERS, TASKS, TASK_S = 20, 500, 1.0


def passes() -> None:
    """Measure a pass when all is idle, when all but a few is busy, and the look at the pool."""
    from benchmarks import pod_world as world  # noqa: PLC0415 - needs the database of `parts`

    # As a gateway does: what it begins with is looked through no more.
    gc.freeze()
    figures: dict[str, float] = {}
    machines = world.a_pool_of_machines(PODS)
    world.queue(machines, QUEUED, 0)
    pool = world.a_pool_of_pods(PODS, max_surge=PODS)
    world.queue(pool, QUEUED * 2 // 3, QUEUED // 3)
    for name, measured, action in (
        ("peer_idle", machines, world.run_pass),
        ("idle", pool, world.run_pass),
        ("look", pool, world.look),
    ):
        figures[name] = _median(world, measured, action)
    for one in (machines, pool):
        while world.run_pass(one):
            pass
        # Every pod has work; of a few it ends.
        world.end_some(one, 20)
    figures["peer_busy"] = _median(world, machines, world.run_pass)
    figures["busy"] = _median(world, pool, world.run_pass)
    figures["look_busy"] = _median(world, pool, world.look)
    report(
        Figure(
            "placement",
            1_000 * figures["idle"],
            1_000 * figures["peer_idle"],
            "ms/pass",
            better="lower",
            goal="<= 200 ms",
            detail={f"{name}_ms": round(1_000 * took, 1) for name, took in figures.items()},
        )
    )


def _median(world, measured, action) -> float:  # type: ignore[no-untyped-def]
    took = []
    for _ in range(ROUNDS):
        with world.undone():
            took.append(world.timed(action, measured))
        world.tidy()
    note(f"{action.__name__}: {1_000 * statistics.median(took):.0f} ms")
    return statistics.median(took)


def use() -> None:
    """Measure how much of twenty pods is used while tasks of a second wait for them."""
    from benchmarks import pod_world as world  # noqa: PLC0415 - as above

    pool = world.a_pool_of_pods(WORKERS)
    world.queue(pool, TASKS * 2 // 3, TASKS - TASKS * 2 // 3)
    room, used_s, all_s, begun = 3 * WORKERS, 0.0, 0.0, time.monotonic()
    world.run_pass(pool)
    before = time.monotonic()
    while True:
        used, waiting = world.slots(pool)
        now = time.monotonic()
        if not waiting:
            break
        used_s, all_s, before = used_s + used * (now - before), all_s + room * (now - before), now
        # As an agent's report does: what ended makes room, and a pass follows.
        if world.end_work(pool, TASK_S):
            world.run_pass(pool)
        else:
            time.sleep(0.005)
    share = 100 * used_s / all_s
    detail = {"tasks": TASKS, "pods": WORKERS, "task_s": TASK_S, "took_s": round(now - begun, 1)}
    report(Figure("slot_use", share, 100.0, "%", goal=">= 90 %", detail=detail))


def main() -> None:
    """Measure both, in one database."""
    with parts():
        from benchmarks import pod_world as world  # noqa: PLC0415 - as above

        world.prepare()
        use()
        passes()


if __name__ == "__main__":
    main()
