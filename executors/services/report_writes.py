"""How do folded reports become rows? In rounds of moves, so that history shows every step.

A task that began and ended within one batch takes two rounds: running first, its end next.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import zip_longest
from typing import TypeVar
from uuid import UUID

import msgspec

from executors.core.endings import AttemptEnd
from executors.core.lifecycle import (
    ATTEMPT_TABLE,
    AttemptEvent,
    AttemptState,
    TaskEvent,
    TaskState,
)
from executors.core.reports import Beginning, Ending, Fold
from executors.services import adoption, capacity, endings, report_statements, transitions
from executors.services.endings import EndedAttempt
from executors.services.rows import LockedAttempt, LockedTask
from executors.services.transitions import AttemptMove, TaskMove
from k8s4r import clock, database
from k8s4r.audit import attribution

EVIDENCE_BYTES = 64 * 1024
Move = TypeVar("Move")


@dataclass(frozen=True, slots=True)
class Folded:
    """An attempt with what its reports change."""

    attempt: LockedAttempt
    task: LockedTask
    fold: Fold


def write(folded: Sequence[Folded], *, now: datetime) -> None:
    """Write what the reports change, in a constant number of statements.

    Locks: expects the tasks and the attempts to be locked by the caller.
    """
    accepted = [one for one in folded if one.fold.accepted]
    _move(accepted, now=now)
    _note([one for one in accepted if not _is_told_by_moves(one.fold)], now=now)
    _keep_chunks([one for one in accepted if one.fold.chunks])
    _keep_evidence([one for one in folded if one.fold.evidence], now=now)


def _move(accepted: Sequence[Folded], *, now: datetime) -> None:
    ended = {
        one.task.id: _ended(one, one.fold.ending) for one in accepted if one.fold.ending is not None
    }
    tasks = {one.task.id: one.task for one in accepted}
    ends = {move.task_id: move for move in endings.task_moves(ended.values(), tasks, now=now)}
    attempt_moves = [_attempt_moves(one) for one in accepted]
    task_moves = [_task_moves(one, ends.get(one.task.id)) for one in accepted]
    if not any(attempt_moves) and not any(task_moves):
        return
    attribution.attribute(attribution.AGENTS, cause="report")
    _in_rounds(attempt_moves, lambda moves: transitions.move_attempts(moves, now=now))
    _in_rounds(task_moves, lambda moves: transitions.move_tasks(moves, now=now))
    capacity.freed({one.agent_id for one in ended.values()})


def _in_rounds(
    paths: Iterable[Sequence[Move]], move: Callable[[list[Move]], Mapping[UUID, object]]
) -> None:
    """Apply the first move of every path, then the second, and so on."""
    for taken in zip_longest(*paths):
        moves = [one for one in taken if one is not None]
        moved = move(moves)
        assert len(moved) == len(moves), "the rows are locked and the fold knows the law"


def _attempt_moves(one: Folded) -> list[AttemptMove]:
    moves: list[AttemptMove] = []
    beginning, ending = one.fold.beginning, one.fold.ending
    if beginning is not None and beginning.event is not None:
        moves.append(_begun(one, beginning, beginning.event))
        if ending is None and beginning.event is AttemptEvent.ADOPTED:
            moves += adoption.stop_again(one.attempt)
    if ending is not None:
        moves.append(_attempt_end(one, ending))
    return moves


def _is_told_by_moves(fold: Fold) -> bool:
    """Do the moves carry everything the reports say, or is there more to note?"""
    if fold.beginning is not None:
        return fold.beginning.event is not None
    return fold.ending is not None


def _begun(one: Folded, beginning: Beginning, event: AttemptEvent) -> AttemptMove:
    return AttemptMove(
        attempt_id=one.attempt.id,
        event=event,
        pid=beginning.pid,
        started_at=beginning.at,
        run_deadline_at=_run_deadline(beginning.at, one.task.run_timeout_s),
        last_seq=one.fold.last_seq,
    )


def _run_deadline(started_at: datetime | None, timeout_s: int | None) -> datetime | None:
    if started_at is None or timeout_s is None:
        return None
    return started_at + timedelta(seconds=timeout_s)


def _attempt_end(one: Folded, ending: Ending) -> AttemptMove:
    return AttemptMove(
        attempt_id=one.attempt.id,
        event=ending.event,
        stop_reason=ending.stop_reason or None,
        reason=ending.reason,
        message=ending.message,
        exit_code=ending.exit_code,
        signal=ending.signal,
        started_at=ending.started_at,
        ended_at=ending.at,
        result_hash=ending.result_hash,
        last_seq=one.fold.last_seq,
    )


def _task_moves(one: Folded, end: TaskMove | None) -> list[TaskMove]:
    moves = []
    succeeded = end is not None and end.event is TaskEvent.SUCCEEDED
    begins = {TaskState.DISPATCHING: TaskEvent.STARTED, TaskState.UNKNOWN: TaskEvent.ADOPTED}
    event = begins.get(one.task.state)
    if event is not None and (one.fold.beginning is not None or succeeded):
        moves.append(TaskMove(task_id=one.task.id, event=event, started_at=_started_at(one.fold)))
    return moves if end is None else [*moves, end]


def _started_at(fold: Fold) -> datetime | None:
    if fold.beginning is not None and fold.beginning.at is not None:
        return fold.beginning.at
    return None if fold.ending is None else fold.ending.started_at


def _ended(one: Folded, ending: Ending) -> EndedAttempt:
    beginning = one.fold.beginning
    state = one.attempt.state
    if beginning is not None and beginning.event is not None:
        state = ATTEMPT_TABLE[state, beginning.event]
    return EndedAttempt(
        attempt_id=one.attempt.id,
        task_id=one.task.id,
        agent_id=one.attempt.agent_id,
        end=AttemptEnd(
            state=AttemptState(ATTEMPT_TABLE[state, ending.event]),
            stop_reason=ending.stop_reason,
            reason=ending.reason,
        ),
        at=ending.at,
        message=ending.message,
        exit_code=ending.exit_code,
        signal=ending.signal,
        started_at=ending.started_at,
    )


def _note(accepted: Sequence[Folded], *, now: datetime) -> None:
    """Note on the attempts that did not move how far their reports were taken."""
    if not accepted:
        return
    begun = [one.fold.beginning or Beginning(None) for one in accepted]
    database.run(
        report_statements.HEARD,
        {
            "now": now,
            "ids": [one.attempt.id for one in accepted],
            "seqs": [one.fold.last_seq for one in accepted],
            "started": [beginning.at for beginning in begun],
            "pids": [beginning.pid for beginning in begun],
            "deadlines": [
                _run_deadline(beginning.at, one.task.run_timeout_s)
                for one, beginning in zip(accepted, begun, strict=True)
            ],
        },
    )


def _keep_chunks(logged: Sequence[Folded]) -> None:
    if not logged:
        return
    chunks = [(one.attempt.id, chunk) for one in logged for chunk in one.fold.chunks]
    database.run(
        report_statements.KEEP_CHUNKS,
        {
            "attempts": [attempt_id for attempt_id, _ in chunks],
            "seqs": [chunk.seq for _, chunk in chunks],
            "streams": [chunk.stream for _, chunk in chunks],
            "ats": [chunk.at for _, chunk in chunks],
            "datas": [chunk.data for _, chunk in chunks],
        },
    )
    database.run(
        report_statements.LOG_GREW,
        {
            "ids": [one.task.id for one in logged],
            "bytes": [one.fold.log_bytes for one in logged],
        },
    )


def _keep_evidence(late: Sequence[Folded], *, now: datetime) -> None:
    if not late:
        return
    database.run(
        report_statements.KEEP_EVIDENCE,
        {
            "now": now,
            "ids": [clock.new_id() for _ in late],
            "attempts": [one.attempt.id for one in late],
            "agents": [one.attempt.agent_id for one in late],
            "statuses": [
                "conflict" if "conflict" in one.fold.statuses else "superseded" for one in late
            ],
            "payloads": [msgspec.json.encode(one.fold.evidence)[:EVIDENCE_BYTES] for one in late],
        },
    )
