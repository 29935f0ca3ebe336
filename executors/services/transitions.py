"""The only writer of task and attempt states.

Callers lock the rows they move (tasks after attempts never: order is agent, pod, task, attempt,
each by pk), decide on the locked rows, and say what happened. The law decides what follows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from executors.core.lifecycle import (
    AttemptEvent,
    AttemptState,
    StopReason,
    TaskEvent,
    TaskState,
)
from executors.services import statements
from k8s4r import database


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskMove:
    """Something happened to a task. A field left at None keeps what the row has.

    ``first`` happened just before and is not written yet: the row takes both steps.
    ``run_after`` is for a task that goes back to the queue: not before then.
    """

    task_id: UUID
    event: TaskEvent
    first: TaskEvent | None = None
    reason: str | None = None
    message: str | None = None
    exit_code: int | None = None
    signal: int | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    run_after: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptMove:
    """Something happened to an attempt. A field left at None keeps what the row has.

    ``first`` happened just before and is not written yet: the row takes both steps.
    ``last_seq`` is the report up to which the agent was heard, when that is how we know.
    """

    attempt_id: UUID
    event: AttemptEvent
    first: AttemptEvent | None = None
    stop_reason: StopReason | None = None
    reason: str | None = None
    message: str | None = None
    exit_code: int | None = None
    signal: int | None = None
    pid: int | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    run_deadline_at: datetime | None = None
    reserved_until: datetime | None = None
    result_hash: bytes | None = None
    session_id: UUID | None = None
    last_seq: int | None = None

    def then(self, following: "AttemptMove") -> "AttemptMove":
        """Return the move that takes this step and the ``following`` one, and says both."""
        return replace(
            following,
            first=self.event,
            pid=self.pid,
            started_at=self.started_at or following.started_at,
            run_deadline_at=self.run_deadline_at,
            last_seq=following.last_seq or self.last_seq,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAttempt:
    """A placement about to become an attempt."""

    attempt_id: UUID
    task_id: UUID
    agent_id: UUID
    session_id: UUID
    slot_id: UUID


@dataclass(frozen=True, slots=True)
class Assigned:
    """A new attempt: whose it is, and its order as a row (`order_statements.ORDER_COLUMNS`)."""

    agent_id: UUID
    session_id: UUID
    order: Sequence[Any]

    @property
    def slot(self) -> int:
        """The index of the agent's slot."""
        return int(self.order[4])

    @property
    def task_id(self) -> UUID:
        """The task of the attempt."""
        identity: UUID = self.order[5]
        return identity


def move_tasks(moves: Sequence[TaskMove], *, now: datetime) -> dict[UUID, TaskState]:
    """Apply the moves that the law allows, in one statement.

    Returns:
        The new state of each task that moved; an illegal or outdated move is absent.
    """
    if not moves:
        return {}
    moved = database.rows(statements.MOVE_TASKS, {"now": now, "moves": _as_json(moves)})
    return {task_id: TaskState(state) for task_id, state in moved}


def move_attempts(moves: Sequence[AttemptMove], *, now: datetime) -> dict[UUID, AttemptState]:
    """Apply the moves that the law allows, in one statement.

    Returns:
        The new state of each attempt that moved; an illegal or outdated move is absent.
    """
    if not moves:
        return {}
    moved = database.rows(statements.MOVE_ATTEMPTS, {"now": now, "moves": _as_json(moves)})
    return {attempt_id: AttemptState(state) for attempt_id, state in moved}


def assign(placements: Sequence[NewAttempt], *, now: datetime) -> list[Assigned]:
    """Give tasks their attempts: one statement for any number.

    Locks: expects the agents and the pending tasks to be locked by the caller.

    Returns:
        What took effect. A placement whose slot or task got a current attempt meanwhile is
        absent: the partial unique indexes decide.
    """
    if not placements:
        return []
    parameters = {
        "now": now,
        "ids": database.ids(new.attempt_id for new in placements),
        "tasks": database.ids(new.task_id for new in placements),
        "agents": database.ids(new.agent_id for new in placements),
        "sessions": database.ids(new.session_id for new in placements),
        "slots": database.ids(new.slot_id for new in placements),
    }
    made = database.rows(statements.ASSIGN, parameters)
    return [Assigned(agent_id, session_id, order) for agent_id, session_id, *order in made]


def apply(new: NewAttempt, *, now: datetime) -> bool:
    """Give a task whose plan was approved the attempt that applies it; say whether it got one.

    Locks: expects the agent and the task to be locked, and the plan's attempt to have ended.
    """
    parameters = {
        "now": now,
        "id": new.attempt_id,
        "task": new.task_id,
        "agent": new.agent_id,
        "session": new.session_id,
        "slot": new.slot_id,
    }
    return bool(_changed(statements.APPLY, parameters))


def request_stop(task_ids: Sequence[UUID], *, now: datetime) -> frozenset[UUID]:
    """Note on the tasks that their work was asked to end; their state stays."""
    return _changed(statements.REQUEST_STOP, {"ids": list(task_ids), "now": now})


def rebind(attempt_ids: Sequence[UUID], *, session_id: UUID, now: datetime) -> frozenset[UUID]:
    """Tie current attempts to another session of the same agent; their state stays."""
    return _changed(
        statements.REBIND, {"ids": list(attempt_ids), "session": session_id, "now": now}
    )


def _changed(statement: str, parameters: Mapping[str, Any]) -> frozenset[UUID]:
    return frozenset(row[0] for row in database.rows(statement, parameters))


def _as_json(moves: Sequence[TaskMove] | Sequence[AttemptMove]) -> str:
    return msgspec.json.encode(moves).decode()
