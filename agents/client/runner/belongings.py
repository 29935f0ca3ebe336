"""Which processes belong to an attempt now, and is any of them left?"""

from collections.abc import Callable, Iterable

from agents.client import processes
from agents.client.cgroup import Cgroups
from agents.client.processes import ATTEMPT_MARK, Stat
from agents.client.runner.attempt import Attempt


class Belongings:
    """Tells the children of the runner apart: first processes, the link, and what was left."""

    def __init__(
        self,
        live: Callable[[], Iterable[Attempt]],
        own: Callable[[], Iterable[int]],
        cgroups: Cgroups | None,
    ) -> None:
        self._live = live
        self._own = own
        self._cgroups = cgroups

    def enclose(self, attempt: Attempt) -> None:
        """Let the kernel hold the attempt's processes together, where it can."""
        if self._cgroups is not None and attempt.child is not None:
            attempt.enclosed = True
            self._cgroups.enclose(attempt.id, attempt.child.pid)

    def release(self, attempt: Attempt) -> None:
        """Nothing is left: remove what `enclose` made."""
        if self._cgroups is not None and attempt.enclosed:
            self._cgroups.release(attempt.id)

    def kill_enclosed(self, attempt: Attempt) -> None:
        """Kill everything that `enclose` caught, at once."""
        if self._cgroups is not None and attempt.enclosed:
            self._cgroups.kill(attempt.id)

    def left_by(self, attempt: Attempt) -> set[int]:
        """Return what an attempt's ended processes left to the runner, its subreaper.

        One read of a file in the usual case, where nothing is left. A leftover without a mark
        (it wiped its environment) is held against every attempt that could have started it, unless
        the kernel says whose it is.
        """
        left: set[int] = set()
        seen: list[int] = []
        # What ended during a look may have left something behind: look until nothing does.
        while not left and (strays := self._strays()) and strays != seen:
            left, seen = {pid for pid in strays if self._is_of(pid, attempt)}, strays
        return left | (self._enclosed(attempt) - self._first(attempt))

    def all_of(self, attempt: Attempt) -> list[Stat]:
        """Return every living process of an attempt but its first: a scan of the machine."""
        roots = {*processes.carriers(ATTEMPT_MARK, str(attempt.id)), *self.left_by(attempt)}
        roots |= self._first(attempt)
        own = set(self._own())
        found = (processes.stat(pid) for pid in processes.descendants(roots) - own)
        return [one for one in found if one is not None and not one.is_dead]

    def reap(self) -> None:
        """Collect what was left to the runner and has ended since."""
        for pid in self._strays():
            processes.reap(pid)

    def _enclosed(self, attempt: Attempt) -> set[int]:
        if self._cgroups is None or not attempt.enclosed:
            return set()
        return set(self._cgroups.members(attempt.id))

    def _is_anothers(self, pid: int, attempt: Attempt) -> bool:
        """Does the kernel hold it in the group of another attempt?"""
        return any(pid in self._enclosed(one) for one in self._live() if one is not attempt)

    def _first(self, attempt: Attempt) -> set[int]:
        return set() if attempt.child is None else {attempt.child.pid}

    def _strays(self) -> list[int]:
        known = {attempt.child.pid for attempt in self._live() if attempt.child is not None}
        known.update(self._own())
        return [pid for pid in processes.children() if pid not in known]

    def _is_of(self, pid: int, attempt: Attempt) -> bool:
        if processes.reap(pid):
            return False
        mark = processes.marks(pid).get(ATTEMPT_MARK)
        if mark is not None:
            return mark == str(attempt.id)
        found = processes.stat(pid)
        if found is None or attempt.child is None or self._is_anothers(pid, attempt):
            return False
        return attempt.child.start_ticks <= found.start_ticks
