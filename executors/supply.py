"""What waits in a pool, and who could take it? Rows read once, as values for the pure rules.

Every function is one statement whatever the length of the queue: shares (a requirement of one
owner) are found by a loose index scan, and of each share only its first tasks are read.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache, partial
from typing import Any, Final
from uuid import UUID

from agents.core.states import Desired, Observed
from executors.core.constraints import Constraint, Operand
from executors.core.fairness import OwnerKey, Queued
from executors.core.qualification import Candidate, FreeSlot, HeldSlot, InPod, NotNow, Requirement
from executors.models import Requirement as RequirementRow
from k8s4r import database
from pools.models import Pool, PoolType


@dataclass(frozen=True, slots=True)
class Demand:
    """What waits: the first tasks of every share, and what belongs to them.

    ``weights`` are those of the projects; ``codes`` say why each requirement waits, as noted.
    """

    queue: tuple[Queued, ...]
    owners: frozenset[OwnerKey]
    requirements: Mapping[str, Requirement]
    weights: Mapping[UUID, float]
    codes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Supply:
    """Candidates of a pool, with the open session of each that has one."""

    candidates: tuple[Candidate, ...]
    sessions: Mapping[UUID, UUID]

    @property
    def free_slots(self) -> int:
        """Idle slots in the pool, whether or not their agents may get work now."""
        return sum(len(candidate.free_slots) for candidate in self.candidates)


_DEMAND: Final = """
WITH RECURSIVE shares AS (
    (SELECT requirement_id, project_id, owner_id FROM executors_task
     WHERE pool_id = %(pool)s AND state = 'pending' AND run_after IS NULL
     ORDER BY requirement_id, project_id, owner_id LIMIT 1)
  UNION ALL
    SELECT after.* FROM shares s CROSS JOIN LATERAL (
        SELECT t.requirement_id, t.project_id, t.owner_id FROM executors_task t
        WHERE t.pool_id = %(pool)s AND t.state = 'pending' AND t.run_after IS NULL
          AND (t.requirement_id, t.project_id, t.owner_id)
            > (s.requirement_id, s.project_id, s.owner_id)
        ORDER BY t.requirement_id, t.project_id, t.owner_id LIMIT 1) after
) SELECT s.requirement_id, s.project_id, s.owner_id, p.weight, r.waiting_code,
         r.kind, r.driver, r.labels, r.constraints, r.resources, head.ids, head.sort_keys,
         head.priorities
  FROM shares s JOIN executors_requirement r ON r.id = s.requirement_id
                JOIN access_project p ON p.id = s.project_id
  CROSS JOIN LATERAL (
    SELECT array_agg(t.id) AS ids, array_agg(t.sort_key) AS sort_keys,
           array_agg(t.priority) AS priorities
    FROM (SELECT id, sort_key, priority FROM executors_task
          WHERE pool_id = %(pool)s AND state = 'pending' AND run_after IS NULL
            AND requirement_id = s.requirement_id AND project_id = s.project_id
            AND owner_id = s.owner_id
          ORDER BY sort_key, id LIMIT %(limit)s) t) head
  ORDER BY s.requirement_id, s.project_id, s.owner_id
"""

# From here on the states are spelled out, so that the partial indexes of current attempts are found
# whatever the statistics say; LIMIT keeps the planner from starting at the tasks, which are many.
_HELD: Final = """
SELECT t.project_id, t.owner_id, count(*) FROM executors_attempt a
CROSS JOIN LATERAL (
    SELECT project_id, owner_id FROM executors_task
    WHERE id = a.task_id AND pool_id = %(pool)s LIMIT 1) t
WHERE a.state IN ('assigned', 'held', 'running', 'stopping', 'unknown')
GROUP BY t.project_id, t.owner_id
"""

# Moments of every agent are read as seconds: to read them as text takes ten times as long.
_moment: Final = partial(datetime.fromtimestamp, tz=UTC)
_CANDIDATES: Final = """
SELECT a.id, a.name, a.desired, a.observed, a.labels, a.capabilities, a.device_info, s.id,
       count(slot.id) FILTER (WHERE slot.id IS NOT NULL),
       coalesce(array_agg(slot.id ORDER BY slot.index)
                FILTER (WHERE slot.id IS NOT NULL AND c.id IS NULL), '{{}}'),
       coalesce(array_agg(slot.index ORDER BY slot.index)
                FILTER (WHERE slot.id IS NOT NULL AND c.id IS NULL), '{{}}'),
       coalesce(array_agg(slot.lane::text ORDER BY slot.index)
                FILTER (WHERE slot.id IS NOT NULL AND c.id IS NULL), '{{}}'),
       a.desired_note, extract(epoch FROM a.changed_at)::float8,
       a.not_now_reason, a.not_now_since, a.not_now_until,
       extract(epoch FROM max(c.assigned_at))::float8,
       array_agg(slot.lane::text ORDER BY slot.index) FILTER (WHERE c.state = 'held'),
       array_agg(c.task_id::text ORDER BY slot.index) FILTER (WHERE c.state = 'held'),
       {pod}
FROM agents_agent a
LEFT JOIN agents_session s ON s.agent_id = a.id AND s.ended_at IS NULL
LEFT JOIN agents_slot slot ON slot.agent_id = a.id AND slot.retired_at IS NULL
LEFT JOIN executors_attempt c ON c.slot_id = slot.id
      AND c.state IN ('assigned', 'held', 'running', 'stopping', 'unknown')
{pods}
WHERE a.archived_at IS NULL AND {members}
GROUP BY a.id, s.id{grouped} ORDER BY a.id
"""
_LISTED: Final = "a.id IN (SELECT agent_id FROM pools_membership WHERE pool_id = %(pool)s)"
_LABELLED: Final = (
    "a.project_id = %(project)s AND a.labels @> %(labels)s::jsonb AND a.type <> 'k8s'"
)
# Pods that leave or failed give nothing any more. One that is for one task alone takes it once.
_IN_PODS: Final = """
pod.pool_id = %(pool)s AND pod.state IN ('creating', 'starting', 'ready', 'unknown')
AND (pod.task_id IS NULL OR NOT EXISTS (
    SELECT 1 FROM executors_attempt before
    WHERE before.task_id = pod.task_id AND before.agent_id = a.id AND before.ended_at NOTNULL))
"""
_WITHOUT_PODS: Final = {"pod": "NULL, NULL", "pods": "", "grouped": ""}
_WITH_PODS: Final = {
    "pod": "extract(epoch FROM pod.created_at)::float8, pod.task_id",
    "pods": "JOIN pools_pod pod ON pod.agent_id = a.id",
    "grouped": ", pod.id",
}
_OF_POOL: Final = {
    "listed": _CANDIDATES.format(members=_LISTED, **_WITHOUT_PODS),
    "labelled": _CANDIDATES.format(members=_LABELLED, **_WITHOUT_PODS),
    "pods": _CANDIDATES.format(members=_IN_PODS, **_WITH_PODS),
}

# Tasks that have an agent of their own are read whatever their place in the queue.
_BOUND: Final = """
SELECT t.id, t.requirement_id, t.project_id, t.owner_id, t.sort_key, t.priority
FROM executors_task t
WHERE t.id = ANY(%(tasks)s) AND t.state || '' = 'pending' AND t.run_after IS NULL
"""

_USED: Final = """
SELECT a.agent_id, r.resources FROM executors_attempt a
JOIN executors_task t ON t.id = a.task_id JOIN executors_requirement r ON r.id = t.requirement_id
WHERE a.state IN ('assigned', 'held', 'running', 'stopping', 'unknown')
  AND r.resources <> '{}'::jsonb AND a.agent_id = ANY(%(agents)s)
"""


def demand(pool_id: UUID, *, limit: int) -> Demand:
    """Return who waits for what in the pool, and of each share its first ``limit`` tasks."""
    rows = database.rows(_DEMAND, {"pool": pool_id, "limit": limit})
    return Demand(
        queue=tuple(queued for row in rows for queued in _queued(row)),
        owners=frozenset((row[1], row[2]) for row in rows),
        requirements={row[0]: _requirement(row[0], *row[5:10]) for row in _each_first(rows)},
        weights={row[1]: row[3] for row in rows},
        codes={row[0]: row[4] for row in rows},
    )


def _queued(row: tuple[Any, ...]) -> Iterable[Queued]:
    """Return the first tasks of a share, most urgent first."""
    requirement, project, owner, *_, tasks, sort_keys, priorities = row
    for task, sort_key, priority in zip(tasks, sort_keys, priorities, strict=True):
        yield Queued(
            task_id=task,
            requirement_id=requirement,
            project_id=project,
            owner_id=owner,
            sort_key=sort_key,
            priority=priority,
        )


def _each_first(rows: Iterable[tuple[Any, ...]]) -> Iterable[tuple[Any, ...]]:
    """Return one row of each requirement: the others say the same about it."""
    return {row[0]: row for row in rows}.values()


def with_bound(found: Demand, offer: Supply) -> Demand:
    """Return the demand with the tasks for which there is an agent of their own."""
    seen = {queued.task_id for queued in found.queue}
    missing = [
        candidate.task_id
        for candidate in offer.candidates
        if candidate.task_id is not None and candidate.task_id not in seen
    ]
    if not missing:
        return found
    rows = database.rows(_BOUND, {"tasks": missing})
    # Of a requirement that nobody asked for when the demand was read, the next pass takes care.
    late = tuple(Queued(*row) for row in rows if row[1] in found.requirements)
    return replace(found, queue=(*found.queue, *late))


def held(pool_id: UUID) -> dict[OwnerKey, int]:
    """Return how many slots each (project, owner) holds with tasks of this pool."""
    rows = database.rows(_HELD, {"pool": pool_id})
    return {(project, owner): count for project, owner, count in rows}


def _requirement(identity: str, kind: str, driver: str, *asked: Any) -> Requirement:
    labels, constraints, resources = (database.parsed(value) for value in asked)
    return Requirement(
        id=identity,
        kind=kind,
        driver=driver,
        labels=labels,
        constraints=tuple(
            Constraint(one["ltarget"], Operand(one["operand"]), one["rtarget"])
            for one in constraints
        ),
        resources=resources,
    )


def as_value(row: RequirementRow) -> Requirement:
    """Return a requirement row as the value that the rules take."""
    return _requirement(row.pk, row.kind, row.driver, row.labels, row.constraints, row.resources)


def candidates(pool: Pool) -> Supply:
    """Return every agent that belongs to the pool, online or not, with its idle slots."""
    parameters = {
        "pool": pool.pk,
        "project": pool.project_id,
        "labels": json.dumps(pool.required_labels),
    }
    rows = database.rows(_OF_POOL[_membership(pool)], parameters)
    # Agents of a pool often say the same: equal texts are read once. Nobody changes the values.
    read = cache(database.loaded)
    capabilities = [read(row[5]) for row in rows]
    declared = [_declared(own) for own in capabilities]
    used = _used_resources([row[0] for row, own in zip(rows, declared, strict=True) if own])
    return Supply(
        tuple(
            _candidate(row, (read(row[4]), own, read(row[6])), _left(gives, used.get(row[0], {})))
            for row, own, gives in zip(rows, capabilities, declared, strict=True)
        ),
        {row[0]: row[7] for row in rows if row[7] is not None},
    )


def _membership(pool: Pool) -> str:
    if pool.k8s_config_id is not None:
        return "pods"
    return "listed" if pool.type == PoolType.STATIC else "labelled"


def _candidate(
    row: tuple[Any, ...], said: Sequence[Mapping[str, Any]], left: Mapping[str, float]
) -> Candidate:
    agent_id, name, desired, observed, *_, total = row[:9]
    labels, capabilities, device = said
    note, changed, reason, since, until, filled, held_lanes, held_for, made, own = row[12:]
    return Candidate(
        agent_id=agent_id,
        name=name,
        desired=Desired(desired),
        observed=Observed(observed),
        labels=labels,
        capabilities=capabilities,
        device=device,
        free_slots=tuple(
            FreeSlot(slot_id, index, lane) for slot_id, index, lane in zip(*row[9:12], strict=True)
        ),
        total_slots=total,
        free_resources=left,
        not_now=None if since is None else NotNow(reason, since, until),
        note=note,
        changed_at=_moment(changed),
        filled_at=None if filled is None else _moment(filled),
        held_slots=tuple(map(HeldSlot, held_lanes or (), map(UUID, held_for or ()))),
        pod=None if made is None else InPod(_moment(made), own),
    )


def _left(declared: Mapping[str, float], used: Mapping[str, float]) -> dict[str, float]:
    return {key: amount - used.get(key, 0.0) for key, amount in declared.items()}


def _declared(capabilities: Mapping[str, Any]) -> dict[str, float]:
    """Return what the agent says it has to give, from ``capabilities.resources``."""
    resources = capabilities.get("resources", {})
    if not isinstance(resources, dict):
        return {}
    return {key: float(value) for key, value in resources.items() if isinstance(value, int | float)}


def _used_resources(agent_ids: Sequence[UUID]) -> Mapping[UUID, Mapping[str, float]]:
    used: dict[UUID, Counter[str]] = defaultdict(Counter)
    for agent_id, resources in database.rows(_USED, {"agents": agent_ids}) if agent_ids else ():
        used[agent_id].update(database.loaded(resources))
    return used
