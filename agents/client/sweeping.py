"""How are processes ended whose runner is gone? Both the link and the next runner do it."""

import logging
import signal
import threading
from collections.abc import Callable, Iterable
from typing import Final
from uuid import UUID

from agents.client import cgroup, processes
from agents.client.clock import Clock
from agents.client.processes import RUNNER_MARK

logger = logging.getLogger(__name__)

LOOK_AGAIN_S: Final = 0.1

Waiter = Callable[[float], object]


def pause(seconds: float) -> None:
    """Wait in a process that has nothing else to do."""
    threading.Event().wait(seconds)


def work_of(sessions: Iterable[UUID]) -> set[int]:
    """Return the living processes that carry the mark of these runners or are in their groups."""
    sessions = list(sessions)
    found: set[int] = set()
    for session in sessions:
        found.update(processes.carriers(RUNNER_MARK, str(session)))
    base = cgroup.base()
    return found if base is None else found | cgroup.sessions_members(base, sessions)


def end_all(
    find: Callable[[], Iterable[int]], *, grace_s: float, clock: Clock, wait: Waiter = pause
) -> int:
    """End what ``find`` finds: SIGTERM once, SIGKILL after the grace, until nothing is found.

    Returns how many processes were asked to end.
    """
    asked: set[int] = set()
    kill_at = clock.now() + grace_s
    # What ends while it is looked for may leave something behind: only a second look is sure.
    while found := set(find()) or set(find()):
        for pid in found - asked:
            processes.send(pid, signal.SIGTERM)
        asked |= found
        if clock.now() >= kill_at:
            for pid in found:
                processes.send(pid, signal.SIGKILL)
        wait(LOOK_AGAIN_S)
    if asked:
        logger.warning("earlier_work_ended", extra={"processes": len(asked)})
    return len(asked)
