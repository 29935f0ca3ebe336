"""Candidates, requirements, queued tasks and passes for tests."""

from random import Random
from typing import Any
from uuid import UUID

from executors.core.fairness import Queued
from executors.core.qualification import Candidate, FreeSlot, Requirement
from executors.core.selection import Plan, SelectionPolicy, Snapshot, allocate

PLAIN = Requirement(id="plain", kind="exec", driver="exec")


def agent_id(number: int) -> UUID:
    return UUID(int=0xA << 64 | number)


def slot_id(agent: int, index: int) -> UUID:
    return UUID(int=0x5 << 64 | agent << 16 | index)


def task_id(number: int) -> UUID:
    return UUID(int=0x7 << 64 | number)


def project_id(name: str) -> UUID:
    return UUID(int=0xB << 64 | int.from_bytes(name.encode()))


def owner_id(name: str) -> UUID:
    return UUID(int=0x0 << 64 | int.from_bytes(name.encode()))


def a_candidate(
    number: int, *, free: int = 1, lanes: tuple[str, ...] = (), **fields: Any
) -> Candidate:
    """Return an online agent that runs `exec`; ``lanes`` are those of its free slots."""
    lanes = lanes or ("general",) * free
    slots = tuple(FreeSlot(slot_id(number, index), index, lane) for index, lane in enumerate(lanes))
    given = {"capabilities": {"drivers": ["exec"]}, "total_slots": len(slots), **fields}
    return Candidate(agent_id=agent_id(number), name=f"agent-{number}", free_slots=slots, **given)


def a_requirement(identity: str = "plain", **fields: Any) -> Requirement:
    return Requirement(id=identity, **{"kind": "exec", "driver": "exec", **fields})


def queued(
    number: int,
    *,
    key: float | None = None,
    project: str = "p",
    owner: str = "o",
    needs: str = "plain",
) -> Queued:
    """Return a waiting task; without a key, later numbers come later."""
    return Queued(
        task_id=task_id(number),
        requirement_id=needs,
        project_id=project_id(project),
        owner_id=owner_id(owner),
        sort_key=float(number) if key is None else key,
    )


REQUIREMENTS = {
    "plain": PLAIN,
    "zone-a": a_requirement("zone-a", labels={"zone": "a"}),
    "zone-b": a_requirement("zone-b", labels={"zone": "b"}, resources={"cpu": 2.0}),
    "big": a_requirement("big", resources={"cpu": 3.0}),
    "plan": a_requirement("plan", kind="plan"),
    "nowhere": a_requirement("nowhere", driver="terraform"),
}


def plan_of(
    queue: list[Queued],
    candidates: list[Candidate],
    policy: SelectionPolicy | None = None,
    *,
    seed: int = 1,
    **snapshot: Any,
) -> Plan:
    return allocate(
        queue,
        Snapshot(requirements=REQUIREMENTS, candidates=candidates, **snapshot),
        policy=policy or SelectionPolicy(),
        random=Random(seed),
    )


def agents_of(plan: Plan) -> list[int]:
    """Return the numbers of the agents, in the order in which they were given work."""
    return [placement.agent_id.int - agent_id(0).int for placement in plan.placements]


def tasks_of(plan: Plan) -> list[int]:
    return [placement.task_id.int - task_id(0).int for placement in plan.placements]
