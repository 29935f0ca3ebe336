"""How do folded reports become rows? Every attempt and every task by one move.

What began and ended within one batch takes both steps in one move; history shows each of them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

import msgspec

from executors.core.endings import AttemptEnd
from executors.core.lifecycle import (
    ATTEMPT_TABLE,
    AttemptEvent,
    AttemptState,
    TaskEvent,
    TaskState,
)
from executors.core.reports import Beginning, Fold
from executors.core.results import Ending
from executors.services import adoption, capacity, endings, report_statements, transitions
from executors.services.endings import EndedAttempt
from executors.services.rows import LockedAttempt, LockedTask
from executors.services.transitions import AttemptMove, TaskMove
from k8s4r import clock, database
from k8s4r.audit import attribution

EVIDENCE_BYTES = 64 * 1024
# Ends that only work which runs can have.
_GOOD = frozenset({TaskEvent.SUCCEEDED, TaskEvent.PLANNED})
# What the attempt goes on with: an end of its process, not of the attempt.
_OPEN = frozenset({AttemptEvent.HOLD, AttemptEvent.UNSURE})
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
    _keep_progress([one for one in accepted if one.fold.progress])
    _keep_evidence([one for one in folded if one.fold.evidence], now=now)


def _move(accepted: Sequence[Folded], *, now: datetime) -> None:
    ended = {
        one.task.id: _ended(one, one.fold.ending) for one in accepted if one.fold.ending is not None
    }
    tasks = {one.task.id: one.task for one in accepted}
    ends = {move.task_id: move for move in endings.task_moves(ended.values(), tasks, now=now)}
    attempt_moves = _given(_attempt_move(one, now=now) for one in accepted)
    task_moves = _given(_task_move(one, ends.get(one.task.id)) for one in accepted)
    if not attempt_moves and not task_moves:
        return
    attribution.attribute(attribution.AGENTS, cause="report")
    moved = len(transitions.move_attempts(attempt_moves, now=now))
    moved += len(transitions.move_tasks(task_moves, now=now))
    assert moved == len(attempt_moves) + len(task_moves), (
        "the rows are locked and the fold knows the law"
    )
    capacity.freed({one.agent_id for one in ended.values()})


def _given(moves: Iterable[Move | None]) -> list[Move]:
    return [move for move in moves if move is not None]


def _attempt_move(one: Folded, *, now: datetime) -> AttemptMove | None:
    beginning, ending = one.fold.beginning, one.fold.ending
    end = None if ending is None else _attempt_end(one, ending, now=now)
    if beginning is None or beginning.event is None:
        return end
    begun = _begun(one, beginning, beginning.event)
    if end is None and beginning.event is AttemptEvent.ADOPTED:
        end = adoption.stop_again(one.attempt)
    return begun if end is None else begun.then(end)


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


def _attempt_end(one: Folded, ending: Ending, *, now: datetime) -> AttemptMove:
    reservation = timedelta(seconds=one.task.reservation_timeout_s)
    return AttemptMove(
        attempt_id=one.attempt.id,
        event=ending.event,
        stop_reason=ending.stop_reason or None,
        reason=ending.reason,
        message=ending.message,
        exit_code=ending.exit_code,
        signal=ending.signal,
        started_at=ending.started_at,
        ended_at=None if ending.event in _OPEN else ending.at,
        reserved_until=now + reservation if ending.event is AttemptEvent.HOLD else None,
        result_hash=ending.result_hash,
        last_seq=one.fold.last_seq,
    )


def _task_move(one: Folded, end: TaskMove | None) -> TaskMove | None:
    succeeded = end is not None and end.event in _GOOD
    begins = {TaskState.DISPATCHING: TaskEvent.STARTED, TaskState.UNKNOWN: TaskEvent.ADOPTED}
    event = begins.get(one.task.state)
    if event is None or not (one.fold.beginning is not None or succeeded):
        return end
    started_at = _started_at(one.fold)
    if end is None:
        return TaskMove(task_id=one.task.id, event=event, started_at=started_at)
    return replace(end, first=event, started_at=started_at or end.started_at)


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


def _keep_progress(folded: Sequence[Folded]) -> None:
    told = [(one, one.fold.progress) for one in folded if one.fold.progress is not None]
    if not told:
        return
    database.run(
        report_statements.TOLD,
        {
            "ids": [one.task.id for one, _ in told],
            "numbers": [one.attempt.number for one, _ in told],
            "fractions": [progress.fraction for _, progress in told],
            "texts": [progress.text for _, progress in told],
            "ats": [progress.at for _, progress in told],
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
