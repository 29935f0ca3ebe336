"""Which tasks and attempts are these, locked, and as values?

The lock order is task, attempt, each by primary key. A task of an attempt never changes, so the
tasks may be found through attempts that are not locked yet.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from executors.core.endings import TaskFacts, policy_from
from executors.core.lifecycle import (
    ATTEMPT_CURRENT,
    CURRENT_WORDS,
    AttemptState,
    StopReason,
    TaskState,
)
from executors.models import Attempt
from executors.services import locking
from k8s4r import database

_TASKS_OF_ATTEMPTS: Final = """
SELECT t.id, t.state, t.pool_id, t.phase, t.disconnect, t.retry, t.attempts_made, t.run_timeout_s,
       t.log_bytes, CASE WHEN jsonb_typeof(said.spec -> 'output_limit_bytes') = 'number'
                         THEN (said.spec ->> 'output_limit_bytes')::numeric::bigint END,
       t.kind, t.reservation_timeout_s
FROM executors_task t
CROSS JOIN LATERAL (SELECT coalesce(t.spec -> t.phase, t.spec) AS spec) said
WHERE t.id IN (SELECT task_id FROM executors_attempt WHERE id = ANY(%s::uuid[]))
ORDER BY t.id FOR NO KEY UPDATE OF t
"""
_ATTEMPTS: Final = """
SELECT a.id, a.task_id, a.number, a.agent_id, a.session_id, a.slot_id, a.state, a.stop_reason,
       a.assigned_at, a.started_at, a.last_seq, a.result_hash
FROM executors_attempt a WHERE a.id = ANY(%s::uuid[]) ORDER BY a.id FOR NO KEY UPDATE
"""
_CURRENT_OF_AGENT: Final = """
SELECT a.id FROM executors_attempt a WHERE a.agent_id = %s AND a.state = ANY(%s)
"""


@dataclass(frozen=True, slots=True)
class LockedTask:
    """A task whose row is ours until the transaction ends."""

    id: UUID
    state: TaskState
    pool_id: UUID
    facts: TaskFacts
    run_timeout_s: int | None
    log_bytes: int
    output_limit_bytes: int | None
    kind: str
    reservation_timeout_s: int


@dataclass(frozen=True, slots=True)
class LockedAttempt:
    """An attempt whose row is ours until the transaction ends."""

    id: UUID
    task_id: UUID
    number: int
    agent_id: UUID
    session_id: UUID
    slot_id: UUID
    state: AttemptState
    stop_reason: StopReason
    assigned_at: datetime
    started_at: datetime | None
    last_seq: int
    result_hash: bytes | None

    @property
    def is_current(self) -> bool:
        return self.state in ATTEMPT_CURRENT


@dataclass(frozen=True, slots=True)
class Locked:
    """Attempts and their tasks, by id."""

    attempts: Mapping[UUID, LockedAttempt]
    tasks: Mapping[UUID, LockedTask]


def lock(attempt_ids: Collection[UUID]) -> Locked:
    """Lock attempts and their tasks, in two statements; ids that do not exist are left out.

    Locks: the tasks, by pk; then the attempts, by pk.
    """
    if not attempt_ids:
        return Locked({}, {})
    ids = sorted(set(attempt_ids))
    tasks = [_task(row) for row in database.rows(_TASKS_OF_ATTEMPTS, [ids])]
    attempts = [_attempt(row) for row in database.rows(_ATTEMPTS, [ids])]
    return Locked({row.id: row for row in attempts}, {row.id: row for row in tasks})


def lock_free(attempt_ids: Collection[UUID]) -> Locked:
    """Lock current attempts and their tasks as they are now, as far as those are free.

    Locks: the tasks, by pk, skipping what others hold; then the attempts, by pk.
    """
    found = Attempt.objects.filter(pk__in=list(attempt_ids))
    attempts = dict(found.values_list("task_id", "pk"))
    free = locking.free_of(attempts)
    return lock([attempt_id for task_id, attempt_id in attempts.items() if task_id in free])


def lock_current_of(agent_id: UUID) -> Locked:
    """Lock the agent's current attempts and their tasks.

    Locks: expects the agent's row to be locked, so that it gets no new attempt meanwhile; then
    the tasks, by pk, and the attempts, by pk. One that ended before its lock came is still there:
    look at its state.
    """
    return lock([row[0] for row in database.rows(_CURRENT_OF_AGENT, [agent_id, CURRENT_WORDS])])


def _task(row: tuple[Any, ...]) -> LockedTask:
    identity, state, pool_id, phase, disconnect, retry, made, timeout, *rest = row
    log_bytes, limit, kind, reservation = rest
    return LockedTask(
        id=identity,
        state=TaskState(state),
        pool_id=pool_id,
        facts=TaskFacts(
            phase=phase,
            disconnect=disconnect,
            attempts_made=made,
            retry=policy_from(database.loaded(retry)),
        ),
        run_timeout_s=timeout,
        log_bytes=log_bytes,
        output_limit_bytes=limit,
        kind=kind,
        reservation_timeout_s=reservation,
    )


def _attempt(row: tuple[Any, ...]) -> LockedAttempt:
    identity, task_id, number, agent_id, session_id, slot_id, state, stop_reason, *rest = row
    assigned_at, started_at, last_seq, result_hash = rest
    return LockedAttempt(
        id=identity,
        task_id=task_id,
        number=number,
        agent_id=agent_id,
        session_id=session_id,
        slot_id=slot_id,
        state=AttemptState(state),
        stop_reason=StopReason(stop_reason),
        assigned_at=assigned_at,
        started_at=started_at,
        last_seq=last_seq,
        result_hash=None if result_hash is None else bytes(result_hash),
    )
