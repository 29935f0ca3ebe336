"""Which waiting task goes to which free slot?

A pass is a pure function of a snapshot: whose turn it is (`fairness`), who qualifies
(`qualification.rule_out`, once per requirement and agent, and only when somebody asks), which of
those is best (`strategies`). The order in which queue and candidates are listed does not count.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from types import MappingProxyType
from typing import Final
from uuid import UUID

from executors.core.fairness import OwnerKey, Queued, Shares, in_turn
from executors.core.fleet import Fleet, Search
from executors.core.qualification import (
    Candidate,
    Exclusion,
    FreeSlot,
    Requirement,
    identity,
    rule_out,
)
from executors.core.strategies import Strategy
from executors.core.waiting import PoolFacts, TaskFacts, WaitingCode, settle
from pools.core.outlook import Outlook

__all__ = [
    "Candidate",
    "Exclusion",
    "FreeSlot",
    "Limits",
    "Placement",
    "Plan",
    "Queued",
    "Requirement",
    "SelectionPolicy",
    "Snapshot",
    "Strategy",
    "allocate",
    "identity",
    "rule_out",
]

AGING_WEIGHT_S: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a pool allows: current attempts in all and per owner, and the weights of projects."""

    max_concurrent: int | None = None
    per_owner: int | None = None
    weights: Mapping[UUID, float] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def are_none(self) -> bool:
        """May as many run as there is room for, whoever they belong to?"""
        return self.max_concurrent is None and self.per_owner is None


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectionPolicy:
    """How a pool selects.

    ``cursor`` is the agent served last by the round robin. ``aging_weight_s`` is what one point of
    priority is worth in seconds of waiting, and the width of a band of fair share. ``most`` tasks
    get a place, if any number is said.
    """

    strategy: Strategy = Strategy.LEAST_BUSY
    cursor: UUID | None = None
    aging_weight_s: float = AGING_WEIGHT_S
    limits: Limits = Limits()
    most: int | None = None

    def __post_init__(self) -> None:
        assert self.aging_weight_s > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What a pass decides on; ``held`` are current attempts in the pool by (project, owner).

    ``pods`` is how its pods stand, where it has any.
    """

    requirements: Mapping[str, Requirement]
    candidates: Sequence[Candidate]
    held: Mapping[OwnerKey, int] = field(default_factory=lambda: MappingProxyType({}))
    pods: Outlook | None = None


@dataclass(frozen=True, slots=True)
class Placement:
    """One task for one slot of one agent."""

    task_id: UUID
    agent_id: UUID
    slot_id: UUID


@dataclass(frozen=True, slots=True)
class Plan:
    """What a pass decided.

    ``waiting`` has one code for each requirement of which a task got no place; ``cursor`` is for
    the policy of the next pass. ``is_cut``: it ended when as many as it may place had a place.
    """

    placements: tuple[Placement, ...]
    waiting: Mapping[str, WaitingCode]
    cursor: UUID | None
    is_cut: bool = False


def allocate(
    queue: Iterable[Queued], snapshot: Snapshot, *, policy: SelectionPolicy, random: Random
) -> Plan:
    """Pair waiting tasks with free slots, at most one of each.

    A task without a place never blocks one with another requirement, nor one of another owner.
    """
    tasks = list(queue)
    run = _Pass(snapshot, policy, random)
    for task in in_turn(tasks, shares=run.shares, aging_weight_s=policy.aging_weight_s):
        if run.is_cut() or run.is_over():
            break
        run.offer(task)
    return Plan(tuple(run.placements), run.waiting(tasks), run.fleet.cursor, run.is_cut())


class _Pass:
    """One run over the queue: what is placed so far, and who was held back by a limit."""

    def __init__(self, snapshot: Snapshot, policy: SelectionPolicy, random: Random) -> None:
        self._requirements = snapshot.requirements
        self._limits = policy.limits
        self._most = policy.most
        self._pods = snapshot.pods
        self._searches: dict[str, Search] = {}
        self._held_back: Counter[str] = Counter()
        self.placements: list[Placement] = []
        self.shares = Shares(snapshot.held, policy.limits.weights)
        self.fleet = Fleet(snapshot.candidates, policy.strategy, policy.cursor, random)

    def is_over(self) -> bool:
        """Can nothing more be placed, whatever it asks for?"""
        return not self.fleet.has_room or self._pool().is_at_limit

    def is_cut(self) -> bool:
        """Have as many tasks a place as the pass may place?"""
        return self._most is not None and len(self.placements) >= self._most

    def offer(self, task: Queued) -> None:
        """Place the task if its owner may have one more and an agent fits."""
        if self._is_owner_at_limit(task.owner_id):
            self._held_back[task.requirement_id] += 1
            return
        search = self._search(task.requirement_id)
        taken = search.take_own(task.task_id) or search.take()
        if taken is None:
            return
        agent_id, slot = taken
        self.placements.append(Placement(task.task_id, agent_id, slot.slot_id))
        self.shares.took_slot(task)

    def waiting(self, tasks: Sequence[Queued]) -> dict[str, WaitingCode]:
        """Return why tasks wait, by requirement, as it is after the placements."""
        placed = {placement.task_id for placement in self.placements}
        left = Counter(task.requirement_id for task in tasks if task.task_id not in placed)
        return {
            requirement_id: self._code(requirement_id, count)
            for requirement_id, count in left.items()
        }

    def _code(self, requirement_id: str, left: int) -> WaitingCode:
        only_owners = self._held_back[requirement_id] >= left
        code = self._search(requirement_id).code()
        return settle(code, self._pool(), task=TaskFacts(owner_at_limit=only_owners))

    def _pool(self) -> PoolFacts:
        return PoolFacts(
            held=self.shares.total, max_concurrent=self._limits.max_concurrent, pods=self._pods
        )

    def _is_owner_at_limit(self, owner_id: UUID) -> bool:
        limit = self._limits.per_owner
        return limit is not None and self.shares.by_owner[owner_id] >= limit

    def _search(self, requirement_id: str) -> Search:
        search = self._searches.get(requirement_id)
        if search is None:
            search = Search(self.fleet, self._requirements[requirement_id])
            self._searches[requirement_id] = search
        return search
