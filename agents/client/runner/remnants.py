"""Is anything of an earlier runner still running? It is ended before this one says hello."""

from agents.client import clock, processes, sweeping
from agents.client.runner.records import Launched
from agents.client.runner.recovery import Remains


def earlier_processes(remains: Remains, *, same_boot: bool) -> set[int]:
    """Return the living processes of earlier runners.

    They carry the runner's mark; those that overwrote their environment are found as first
    processes that the journal names, by pid and start time, and as children of the others.
    """
    roots = sweeping.work_of(life.session for life in remains.lives)
    if same_boot:
        roots.update(one.pid for one in remains.launched.values() if _is_same(one))
    return _alive(processes.descendants(roots)) if roots else set()


def _is_same(launched: Launched) -> bool:
    """Is the process with this pid the one that the journal means, and not a later one?"""
    found = processes.stat(launched.pid)
    return found is not None and 0 <= found.start_ticks - launched.start_ticks < clock.TICKS_PER_S


def _alive(pids: set[int]) -> set[int]:
    found = map(processes.stat, pids)
    return {one.pid for one in found if one is not None and not one.is_dead}
