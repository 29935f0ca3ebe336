"""Whose turn is it?

Priority and age make one static key, ``submitted - priority * aging_weight``: every task grows
older at the same pace, so no task starves. Keys are cut into bands as wide as the weight; a lower
band comes first. Within a band the project, then the owner, with the fewest held slots per weight
comes first; then the lower key, then the lower task id.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heapreplace
from itertools import groupby
from typing import TypeAlias
from uuid import UUID

OwnerKey: TypeAlias = tuple[UUID, UUID]


@dataclass(frozen=True, slots=True)
class Queued:
    """A task that waits in a pool; ``sort_key`` comes from `sort_key`."""

    task_id: UUID
    requirement_id: str
    project_id: UUID
    owner_id: UUID
    sort_key: float
    priority: int = 0


@dataclass(slots=True)
class Shares:
    """How many slots each project and owner hold, counting what this pass gave them.

    ``held`` is by (project, owner); a project without a weight has weight 1.
    """

    held: Mapping[OwnerKey, int]
    weights: Mapping[UUID, float]
    total: int = 0
    by_project: dict[UUID, int] = field(default_factory=lambda: defaultdict(int))
    by_owner: dict[UUID, int] = field(default_factory=lambda: defaultdict(int))
    by_pair: dict[OwnerKey, int] = field(default_factory=lambda: defaultdict(int))

    def __post_init__(self) -> None:
        for (project_id, owner_id), slots in self.held.items():
            self._count(project_id, owner_id, slots)

    def took_slot(self, task: Queued) -> None:
        """Count one more slot for the task's project and owner."""
        self._count(task.project_id, task.owner_id, 1)

    def of_project(self, project_id: UUID) -> float:
        """Return the project's held slots per weight."""
        return self.by_project[project_id] / self.weights.get(project_id, 1.0)

    def _count(self, project_id: UUID, owner_id: UUID, slots: int) -> None:
        self.total += slots
        self.by_project[project_id] += slots
        self.by_owner[owner_id] += slots
        self.by_pair[project_id, owner_id] += slots


def sort_key(submitted_at_s: float, priority: int, aging_weight_s: float) -> float:
    """Return the static key of a task: one point of priority is worth the weight in seconds."""
    return submitted_at_s - priority * aging_weight_s


def band(key: float, aging_weight_s: float) -> int:
    """Return the band of a key; within one band fair share goes before age."""
    return math.floor(key / aging_weight_s)


def in_turn(queue: Iterable[Queued], *, shares: Shares, aging_weight_s: float) -> Iterator[Queued]:
    """Yield every task once, in turn.

    The order follows ``shares`` as they are when the next task is asked for: whoever takes a task
    calls `Shares.took_slot` before going on. The order of the queue that comes in does not count.
    """
    ordered = sorted(queue, key=lambda task: (task.sort_key, task.task_id.int))
    for _, tasks in groupby(ordered, key=lambda task: band(task.sort_key, aging_weight_s)):
        yield from _within_band(list(tasks), shares)


# (owner's slots, sort key, task id, owner): the head of one owner's line.
_OwnerEntry: TypeAlias = tuple[int, float, int, UUID]


def _within_band(tasks: Sequence[Queued], shares: Shares) -> Iterator[Queued]:
    """Merge the lines of all owners; only the line that moved gets a new place in the heaps."""
    projects = _Lines.by_project(tasks, shares)
    heap = [(shares.of_project(key), lines.head(), key) for key, lines in projects.items()]
    heapify(heap)
    while heap:
        project_id = heap[0][2]
        lines = projects[project_id]
        yield lines.first()
        lines.advance()
        if lines.is_empty():
            heappop(heap)
        else:
            heapreplace(heap, (shares.of_project(project_id), lines.head(), project_id))


class _Lines:
    """The tasks of one project, one line per owner, each in order of age."""

    def __init__(self, project_id: UUID, tasks: Sequence[Queued], shares: Shares) -> None:
        self._project_id = project_id
        self._shares = shares
        lines: dict[UUID, list[Queued]] = defaultdict(list)
        for task in reversed(tasks):
            lines[task.owner_id].append(task)
        self._lines = lines
        self._heap: list[_OwnerEntry] = [self._entry(owner_id) for owner_id in lines]
        heapify(self._heap)

    @classmethod
    def by_project(cls, tasks: Sequence[Queued], shares: Shares) -> "dict[UUID, _Lines]":
        grouped: dict[UUID, list[Queued]] = defaultdict(list)
        for task in tasks:
            grouped[task.project_id].append(task)
        return {key: cls(key, members, shares) for key, members in grouped.items()}

    def is_empty(self) -> bool:
        return not self._heap

    def head(self) -> tuple[int, float, int]:
        return self._heap[0][:3]

    def first(self) -> Queued:
        return self._lines[self._heap[0][3]][-1]

    def advance(self) -> None:
        owner_id = self._heap[0][3]
        line = self._lines[owner_id]
        line.pop()
        if line:
            heapreplace(self._heap, self._entry(owner_id))
        else:
            heappop(self._heap)

    def _entry(self, owner_id: UUID) -> _OwnerEntry:
        task = self._lines[owner_id][-1]
        slots = self._shares.by_pair[self._project_id, owner_id]
        return slots, task.sort_key, task.task_id.int, owner_id
