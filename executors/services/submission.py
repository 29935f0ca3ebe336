"""How does a request become a task that is never lost? One transaction: all of a list, or none."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
import orjson
from django.db import transaction

from executors import wakeups
from executors.core import requests, specs
from executors.core.fairness import sort_key
from executors.core.lifecycle import TaskState
from executors.core.requests import TaskRequest
from executors.selectors import TaskRecord
from k8s4r import database
from k8s4r.access.principals import Principal
from k8s4r.audit import attribution
from k8s4r.core import conversion, ids
from k8s4r.core.errors import FieldProblem, pointer
from k8s4r.core.roles import Permission
from pools import selectors as pool_selectors
from pools.selectors import PoolName, PoolPlace

# Keeps the order of a list where everything else is equal; far below any weight of priority.
LIST_STEP_S: Final = 1e-6

# One statement for any number: each distinct requirement once, in the order of ids (two lists that
# bring the same ones must not wait for each other in a circle), then the tasks.
_INSERT: Final = """
WITH new_requirements AS (
    INSERT INTO executors_requirement (
        id, pool_id, kind, driver, labels, constraints, resources, waiting_code, waiting_since)
    SELECT r.id, r.pool_id, r.kind, r.driver, r.labels, r.constraints, r.resources, '', NULL
    FROM jsonb_to_recordset(%(requirements)s::jsonb) AS r(
        id text, pool_id uuid, kind text, driver text, labels jsonb, constraints jsonb,
        resources jsonb)
    ORDER BY r.id
    ON CONFLICT (id) DO NOTHING)
INSERT INTO executors_task (
    id, project_id, owner_id, pool_id, requirement_id, parent_id, name, kind, driver, phase, spec,
    labels, own_labels, priority, sort_key, state, changed_at, submitted_at, queue_deadline_at,
    run_timeout_s, silence_timeout_s, reservation_timeout_s, lost_after_s, disconnect, retry,
    attempts_made, reason, message, log_bytes)
SELECT t.id, t.project_id, %(owner)s, t.pool_id, t.requirement_id, t.parent_id, t.name, t.kind,
       t.driver, t.phase, t.spec, t.required_labels, t.labels, t.priority, t.sort_key, 'pending',
       %(now)s, %(now)s,
       t.queue_deadline_at, t.run_timeout_s, t.silence_timeout_s, t.reservation_timeout_s,
       t.lost_after_s, t.disconnect, t.retry, 0, '', '', 0
FROM jsonb_to_recordset(%(tasks)s::jsonb) AS t(
    id uuid, project_id uuid, pool_id uuid, requirement_id text, parent_id uuid, name text,
    kind text, driver text, phase text, spec jsonb, required_labels jsonb, labels jsonb,
    priority int, sort_key float8,
    queue_deadline_at timestamptz, run_timeout_s int, silence_timeout_s int,
    reservation_timeout_s int, lost_after_s int, disconnect text, retry jsonb)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """Who submits, when, and by which weight of priority.

    ``parents`` are the tasks that are submitted again, one for each request; empty when nothing
    is. ``listed`` says that the request was a list, so that refusals point into it.
    """

    principal: Principal
    now: datetime
    aging_weight_s: float
    parents: Sequence[UUID | None] = ()
    listed: bool = False


def submit(asked: Sequence[TaskRequest], submission: Submission) -> list[TaskRecord]:
    """Store the tasks; four statements, whatever their number.

    When this returns and the outermost transaction is committed, they are accepted. A refusal
    leaves a transaction that is open already as it was.

    Raises:
        Invalid: a pool or project is not there for the caller; the pointer says of which task.
        Forbidden: the caller may not submit to one of the projects.
    """
    pools = _pools(asked, submission)
    tasks = _Tasks(submission)
    parents = submission.parents or [None] * len(asked)
    made = [
        tasks.add(request, pool, parent_id=parent_id)
        for request, pool, parent_id in zip(asked, pools, parents, strict=True)
    ]
    with transaction.atomic(savepoint=False):
        attribution.attribute(submission.principal.actor, cause="submit")
        database.run(_INSERT, tasks.parameters())
        wakeups.tasks_waiting({pool.id for pool in pools})
    return made


class _Tasks:
    """Rows in the making: requirements once each, ids in the order of the list."""

    def __init__(self, submission: Submission) -> None:
        self._by = submission
        self._ms = int(submission.now.timestamp() * 1000)
        self._requirements: dict[bytes, dict[str, Any]] = {}
        self._tasks: list[dict[str, Any]] = []

    def add(self, request: TaskRequest, pool: PoolPlace, *, parent_id: UUID | None) -> TaskRecord:
        now = self._by.now
        requirement = self._requirement(request, pool)
        deadline = _later(now, request.queue_timeout_s)
        row: dict[str, Any] = {
            "id": self._identity(),
            "project_id": pool.project_id,
            "pool_id": pool.id,
            "parent_id": parent_id,
            "name": request.name,
            "kind": request.kind,
            "driver": request.driver,
            "phase": specs.first_phase(request.kind),
            "spec": request.spec,
            "labels": request.labels,
            "required_labels": request.required_labels,
            "priority": request.priority,
            "queue_deadline_at": deadline,
            "run_timeout_s": request.run_timeout_s,
            "silence_timeout_s": request.silence_timeout_s,
            "reservation_timeout_s": request.reservation_timeout_s,
            "lost_after_s": request.lost_after_s,
            "disconnect": request.disconnect,
            "retry": requests.stored_retry(request.retry),
        }
        self._tasks.append(
            row | {"requirement_id": requirement["id"], "sort_key": self._key(request)}
        )
        return TaskRecord(
            **row,
            state=TaskState.PENDING,
            project_name=pool.project_name,
            pool_name=pool.name,
            owner_name=self._by.principal.name,
            constraints=requirement["constraints"],
            resources=request.resources,
            submitted_at=now,
            changed_at=now,
        )

    def parameters(self) -> dict[str, Any]:
        return {
            "now": self._by.now,
            "owner": self._by.principal.id,
            "requirements": orjson.dumps(list(self._requirements.values())).decode(),
            "tasks": orjson.dumps(self._tasks).decode(),
        }

    def _key(self, request: TaskRequest) -> float:
        submitted_s = self._by.now.timestamp() + len(self._tasks) * LIST_STEP_S
        return sort_key(submitted_s, request.priority, self._by.aging_weight_s)

    def _identity(self) -> UUID:
        """Return an id that sorts after the earlier ones of the list: its number leads."""
        return ids.uuid7(self._ms, ids.numbered(len(self._tasks), os.urandom(9)))

    def _requirement(self, request: TaskRequest, pool: PoolPlace) -> dict[str, Any]:
        """Return the row of the request's requirement; hashed once for all that ask the same."""
        asked = (pool.id, request.kind, request.driver, request.required_labels)
        content = orjson.dumps((*asked, request.constraints, request.resources), default=_plain)
        found = self._requirements.get(content)
        if found is None:
            found = self._requirements[content] = _requirement_row(request, pool)
        return found


def _requirement_row(request: TaskRequest, pool: PoolPlace) -> dict[str, Any]:
    return {
        "id": requests.requirement(request, pool.id).id,
        "pool_id": pool.id,
        "kind": request.kind,
        "driver": request.driver,
        "labels": request.required_labels,
        "constraints": [_plain(asked) for asked in request.constraints],
        "resources": request.resources,
    }


def _pools(asked: Sequence[TaskRequest], submission: Submission) -> list[PoolPlace]:
    """Return the pool of each request, in one query."""
    names = [PoolName(request.project, request.pool) for request in asked]
    found = pool_selectors.pools_named(names, submission.principal)
    unknown = [
        FieldProblem(
            pointer(*([index] if submission.listed else []), "pool"),
            "unknown",
            f"project {name.project} has no pool {name.pool}",
        )
        for index, name in enumerate(names)
        if name not in found
    ]
    if unknown:
        raise conversion.refusal(unknown[: requests.MOST_PROBLEMS])
    for project_id in {pool.project_id for pool in found.values()}:
        submission.principal.require(Permission.TASKS_WRITE, project_id)
    return [found[name] for name in names]


def _later(now: datetime, seconds: int | None) -> datetime | None:
    return None if seconds is None else now + timedelta(seconds=seconds)


def _plain(value: Any) -> Any:
    return msgspec.to_builtins(value)
