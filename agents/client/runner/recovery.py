"""What did an earlier runner leave behind in the spool?"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from agents.client.runner.attempt import Attempt, Phase
from agents.client.runner.records import (
    Accepted,
    Acked,
    AnyRecord,
    Forgotten,
    Kept,
    Launched,
    Life,
    Noted,
    Piece,
    Reported,
    Unwanted,
)


@dataclass(slots=True)
class Remains:
    """Held attempts, the lives that wrote them, and which processes they had.

    ``last_at`` is the latest moment that any record names, on the agent's time line.
    """

    attempts: dict[UUID, Attempt] = field(default_factory=dict)
    lives: list[Life] = field(default_factory=list)
    launched: dict[UUID, Launched] = field(default_factory=dict)
    last_at: float = 0.0


def restore(records: Iterable[AnyRecord]) -> Remains:
    """Replay a journal. Every attempt comes back as ended: no process outlives its runner.

    Only plans that wait for a decision go on waiting: nothing of them runs.
    """
    remains = Remains()
    for record in records:
        _apply(record, remains)
    for attempt in remains.attempts.values():
        is_kept = attempt.phase is Phase.HELD and not attempt.unwanted
        attempt.phase = Phase.HELD if is_kept else Phase.ENDED
    return remains


def _apply(record: AnyRecord, remains: Remains) -> None:
    match record:
        case Life():
            remains.lives.append(record)
            remains.last_at = max(remains.last_at, record.at)
        case Accepted(order):
            remains.attempts[order.attempt] = Attempt(order)
        case Launched():
            remains.launched[record.attempt] = record
        case Forgotten(attempt):
            remains.attempts.pop(attempt, None)
        case Noted() | Piece() | Reported() | Acked() | Kept() | Unwanted():
            held = remains.attempts.get(record.attempt)
            if held is not None:
                _apply_to(held, record, remains)


def _apply_to(held: Attempt, record: AnyRecord, remains: Remains) -> None:
    match record:
        case Noted() | Piece():
            held.entries.append((record, 0))
            held.next_seq = record.seq + 1
            held.has_end_report |= isinstance(record, Noted) and record.last
            remains.last_at = max(remains.last_at, record.at)
            if isinstance(record, Piece):
                held.reported[record.stream] = record.offset + record.length
        case Reported(_, offsets):
            held.reported = dict(offsets)
        case Acked(_, seq):
            held.acked = seq
            held.next_seq = max(held.next_seq, seq + 1)
            while held.entries and held.entries[0][0].seq <= seq:
                held.entries.popleft()
        case _:
            _mark(held, record)


def _mark(held: Attempt, record: AnyRecord) -> None:
    if isinstance(record, Kept):
        held.phase = Phase.HELD
    elif isinstance(record, Unwanted):
        held.unwanted = True
        held.entries.clear()
