"""What room do the candidates of a pass have left, and where does the next task find some?"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from random import Random
from uuid import UUID

from executors.core.codes import ROOM
from executors.core.qualification import (
    Candidate,
    Exclusion,
    FreeSlot,
    Requirement,
    lane_groups,
    rule_out,
    short_resource,
)
from executors.core.strategies import (
    Chooser,
    InOrder,
    LeastBusy,
    Lottery,
    Packed,
    RoundRobin,
    Strategy,
    Turn,
)
from executors.core.waiting import WaitingCode, nearest


class Room:
    """The free slots and resources of one agent, shrinking through a pass.

    ``is_for_any``: it may take any task, not only one.
    """

    __slots__ = ("_by_lane", "_candidate", "_free", "_resources", "_total", "is_for_any")

    def __init__(self, candidate: Candidate) -> None:
        self._candidate = candidate
        self.is_for_any = candidate.task_id is None
        self._free = len(candidate.free_slots)
        self._total = max(candidate.total_slots, self._free)
        self._resources = dict(candidate.free_resources)
        self._by_lane: dict[str, list[FreeSlot]] = {}
        for slot in sorted(candidate.free_slots, key=lambda slot: -slot.index):
            self._by_lane.setdefault(slot.lane, []).append(slot)

    @property
    def busy_share(self) -> float:
        """The share of the agent's slots that are in use; 1 without any slot."""
        return 1 - self._free / self._total if self._total else 1.0

    def fits(self, requirement: Requirement, lanes: tuple[str, ...]) -> bool:
        """Is there still a slot of these lanes, and enough of every resource?"""
        for lane in lanes:
            if self._by_lane.get(lane):
                return short_resource(requirement, self._resources) is None
        return False

    def take(self, requirement: Requirement, lanes: tuple[str, ...]) -> FreeSlot:
        """Use up the lowest slot of the first lane that has one, and the resources."""
        for name, size in requirement.resources.items():
            self._resources[name] -= size
        self._free -= 1
        lane = next(lane for lane in lanes if self._by_lane.get(lane))
        return self._by_lane[lane].pop()

    def candidate_now(self) -> Candidate:
        """Return the candidate as it is after what was taken."""
        if self._free == len(self._candidate.free_slots):
            return self._candidate
        left = tuple(slot for slots in self._by_lane.values() for slot in slots)
        return replace(self._candidate, free_slots=left, free_resources=self._resources)


class Fleet:
    """All candidates of a pass, in the order of their ids."""

    def __init__(
        self,
        candidates: Sequence[Candidate],
        strategy: Strategy,
        cursor: UUID | None,
        random: Random,
    ) -> None:
        self.candidates = sorted(candidates, key=lambda candidate: candidate.agent_id.int)
        self.rooms = [Room(candidate) for candidate in self.candidates]
        self._free = sum(len(candidate.free_slots) for candidate in candidates)
        self._strategy = strategy
        self._random = random
        self._turn = Turn([candidate.agent_id for candidate in self.candidates], cursor)
        self._taken: list[int] = []
        self.own = {
            candidate.task_id: index
            for index, candidate in enumerate(self.candidates)
            if candidate.task_id is not None
        }

    @property
    def has_room(self) -> bool:
        """Is any slot free, of any lane?"""
        return self._free > 0

    @property
    def cursor(self) -> UUID | None:
        """The agent that the round robin served last."""
        return self._turn.cursor

    def chooser(self) -> Chooser:
        """Return a chooser for one requirement, as the strategy wants it."""
        size = len(self.candidates)
        if self._strategy is Strategy.ROUND_ROBIN:
            return RoundRobin(self._turn, size)
        if self._strategy is Strategy.RANDOM:
            return Lottery(size, self._random)
        if self._strategy is Strategy.LABEL_MATCH:
            return InOrder(self._by_specificity)
        if self._strategy is Strategy.PACKED:
            return Packed(self._by_fullness, lambda at: self.rooms[at].busy_share, self._taken)
        return LeastBusy(self._by_share, lambda index: self.rooms[index].busy_share)

    def take(self, index: int, requirement: Requirement, lanes: tuple[str, ...]) -> FreeSlot:
        """Use up a slot of this agent."""
        self._free -= 1
        self._taken.append(index)
        return self.rooms[index].take(requirement, lanes)

    @cached_property
    def _by_specificity(self) -> list[int]:
        """Agents with the fewest labels first.

        Whoever fits carries every required label, so the fewest labels are the fewest surplus
        ones, for every requirement.
        """
        return sorted(range(len(self.candidates)), key=lambda at: len(self.candidates[at].labels))

    @cached_property
    def _by_share(self) -> list[tuple[float, int]]:
        return sorted((room.busy_share, index) for index, room in enumerate(self.rooms))

    @cached_property
    def _by_fullness(self) -> list[tuple[float, int, int]]:
        """Agents as (minus share, rank by age, index): the fullest first, then the oldest."""
        by_age = sorted(range(len(self.candidates)), key=self._age)
        ranked = ((-self.rooms[index].busy_share, rank, index) for rank, index in enumerate(by_age))
        return sorted(ranked)

    def _age(self, index: int) -> tuple[float, int]:
        pod = self.candidates[index].pod
        return (0.0 if pod is None else pod.since.timestamp(), index)


class Search:
    """Finds agents for one requirement, judging each agent at most once."""

    def __init__(self, fleet: Fleet, requirement: Requirement) -> None:
        self._fleet = fleet
        self._requirement = requirement
        self._groups = list(lane_groups(requirement.kind))
        self._chooser = fleet.chooser()
        self._judged: dict[int, Exclusion | None] = {}

    def take(self) -> tuple[UUID, FreeSlot] | None:
        """Take a slot of the best agent that fits, ``None`` when there is none any more.

        All agents are asked for a slot of the preferred lanes before any is for another.
        """
        while self._groups:
            index = self._chooser.choose(self._fits)
            if index is not None:
                return self._taken(index, self._groups[0])
            self._groups.pop(0)
            self._chooser = self._fleet.chooser()
        return None

    def take_own(self, task_id: UUID) -> tuple[UUID, FreeSlot] | None:
        """Take the slot of the agent that is for this task alone, if there is one and it fits."""
        index = self._fleet.own.get(task_id)
        if index is None:
            return None
        for lanes in lane_groups(self._requirement.kind):
            has_room = self._fleet.rooms[index].fits(self._requirement, lanes)
            if has_room and self._judge(index) is None:
                return self._taken(index, lanes)
        return None

    def code(self) -> WaitingCode:
        """Return the code of the nearest agent, as it is after what was taken."""
        no_room = not self._groups or not self._fleet.has_room
        ceiling = WaitingCode.SLOTS_FULL if no_room else WaitingCode.BEHIND_OTHERS
        return nearest(self._exclusions_now(), ceiling=ceiling)

    def _fits(self, index: int) -> bool:
        """Ask for room first: it is the cheaper question, and what is full needs no judge."""
        room = self._fleet.rooms[index]
        has_room = room.is_for_any and room.fits(self._requirement, self._groups[0])
        return has_room and self._judge(index) is None

    def _taken(self, index: int, lanes: tuple[str, ...]) -> tuple[UUID, FreeSlot]:
        slot = self._fleet.take(index, self._requirement, lanes)
        return self._fleet.candidates[index].agent_id, slot

    def _judge(self, index: int) -> Exclusion | None:
        if index not in self._judged:
            candidate = self._fleet.candidates[index]
            self._judged[index] = rule_out(self._requirement, candidate)
        return self._judged[index]

    def _exclusions_now(self) -> Iterator[Exclusion | None]:
        """Judge again those that had room or lacked only that: what was taken changed it.

        The room of an agent that is for one task alone is no room for others.
        """
        for index, room in enumerate(self._fleet.rooms):
            exclusion = self._judge(index)
            if exclusion is None or exclusion.code in ROOM:
                if not room.is_for_any:
                    continue
                exclusion = rule_out(self._requirement, room.candidate_now())
            yield exclusion
