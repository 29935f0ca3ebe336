"""Candidates, requirements and queued tasks for tests: literal where it matters."""

from typing import Any
from uuid import UUID

from executors.core.fairness import Queued
from executors.core.qualification import Candidate, FreeSlot, Requirement

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
