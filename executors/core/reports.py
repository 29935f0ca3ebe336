"""What do an attempt's reports change? Folded from its present state, item by item, in order.

Sequence numbers are dense: one that was taken before is a duplicate, one that skips is a gap. The
first end report is the result; the same result again is a success, another one a conflict.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal, TypeAlias
from uuid import UUID

from agents.wire.messages import EndReport, Log, Report, Started
from agents.wire.tellings import PROGRESS_CHARACTERS
from executors.core.lifecycle import (
    ATTEMPT_TABLE,
    ATTEMPT_TERMINAL,
    AttemptEvent,
    AttemptState,
    StopReason,
)
from executors.core.results import ORDINARY, Ending, Sense, as_pid, ending, result_hash

Status: TypeAlias = Literal["ok", "duplicate", "superseded", "conflict", "gap"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptFacts:
    """An attempt as it is in the database; ``log_room_bytes`` is what its log may still grow.

    ``sense`` says what its ends mean.
    """

    id: UUID
    state: AttemptState
    assigned_at: datetime
    stop_reason: StopReason = StopReason.NONE
    started_at: datetime | None = None
    last_seq: int = 0
    result_hash: bytes | None = None
    log_room_bytes: int = 0
    sense: Sense = ORDINARY


@dataclass(frozen=True, slots=True)
class Timed:
    """A report with its times on the server's clock."""

    report: Report
    at: datetime
    started_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Beginning:
    """The work is known to run. ``event`` is ``None`` where the attempt's state stays."""

    event: AttemptEvent | None
    at: datetime | None = None
    pid: int | None = None


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of output to keep."""

    seq: int
    stream: str
    at: datetime
    data: bytes


@dataclass(frozen=True, slots=True)
class Told:
    """How far the work says that it is."""

    fraction: float
    text: str
    at: datetime


@dataclass(slots=True)
class Fold:
    """What the reports change. ``statuses`` has one entry per report, in their order."""

    last_seq: int
    statuses: list[Status] = field(default_factory=list)
    beginning: Beginning | None = None
    ending: Ending | None = None
    chunks: list[Chunk] = field(default_factory=list)
    log_bytes: int = 0
    progress: Told | None = None
    evidence: list[Report] = field(default_factory=list)

    @property
    def accepted(self) -> bool:
        """Was anything new among the reports?"""
        return "ok" in self.statuses


def on_our_clock(at: float, sent_at: float, *, now: datetime, assigned_at: datetime) -> datetime:
    """Return an agent's boot time as ours, never before the order and never in the future."""
    age_s = min(max(sent_at - at, 0.0), (now - assigned_at).total_seconds())
    return max(assigned_at, now - timedelta(seconds=max(age_s, 0.0)))


def end_on_our_clock(ran_s: float, *, started_at: datetime, now: datetime) -> datetime:
    """Return when work ended that began at a known moment and ran for so long on its agent.

    Two boot times mapped one by one would each carry the delay of their own request, and the
    duration would be off by the difference.
    """
    most_s = max((now - started_at).total_seconds(), 0.0)
    return started_at + timedelta(seconds=min(max(ran_s, 0.0), most_s))


def fold(attempt: AttemptFacts, items: Sequence[Timed]) -> Fold:
    """Take an attempt's reports one after the other and return what they change together."""
    folding = _Folding(attempt)
    for item in items:
        folding.take(item)
    return folding.result


class _Folding:
    """The state between two items."""

    def __init__(self, attempt: AttemptFacts) -> None:
        self.result = Fold(attempt.last_seq)
        self._state = attempt.state
        self._hash = attempt.result_hash
        self._asked = attempt.stop_reason
        self._started_at = attempt.started_at
        self._room = attempt.log_room_bytes
        self._sense = attempt.sense

    def take(self, item: Timed) -> None:
        status = self._status(item.report)
        if status == "ok":
            status = self._accept(item)
        if status == "ok":
            self.result.last_seq = item.report.seq
        elif status in {"superseded", "conflict"}:
            self.result.evidence.append(item.report)
        self.result.statuses.append(status)

    def _status(self, report: Report) -> Status:
        """Return what to say of a report before looking at what it says."""
        if self._state in ATTEMPT_TERMINAL:
            return self._late(report)
        if report.seq <= self.result.last_seq:
            return "duplicate"
        return "ok" if report.seq == self.result.last_seq + 1 else "gap"

    def _late(self, report: Report) -> Status:
        """Return what to say of a report about an attempt that has ended."""
        if isinstance(report, EndReport) and self._hash is not None:
            return "duplicate" if result_hash(report) == self._hash else "conflict"
        return "duplicate" if report.seq <= self.result.last_seq else "superseded"

    def _accept(self, item: Timed) -> Status:
        report = item.report
        if isinstance(report, EndReport):
            return self._end(item, report)
        if isinstance(report, Started):
            self._begin(item.at, as_pid(report.pid))
        elif isinstance(report, Log):
            self._log(item.at, report)
        elif report.fraction is not None:
            text = report.message[:PROGRESS_CHARACTERS]
            self.result.progress = Told(report.fraction, text, item.at)
        if self._state is AttemptState.UNKNOWN:
            self._move(Beginning(AttemptEvent.ADOPTED, self._started_at))
        return "ok"

    def _begin(self, at: datetime, pid: int | None) -> None:
        if self._started_at is None:
            self._started_at = at
        events = {
            AttemptState.ASSIGNED: AttemptEvent.STARTED,
            AttemptState.UNKNOWN: AttemptEvent.ADOPTED,
        }
        self._move(Beginning(events.get(self._state), self._started_at, pid))

    def _move(self, beginning: Beginning) -> None:
        if beginning.event is not None:
            self._state = ATTEMPT_TABLE[self._state, beginning.event]
        elif self.result.beginning is not None:
            return
        self.result.beginning = beginning

    def _log(self, at: datetime, report: Log) -> None:
        kept = report.data[: max(self._room, 0)]
        if kept:
            self._room -= len(kept)
            self.result.log_bytes += len(kept)
            self.result.chunks.append(Chunk(report.seq, report.stream, at, kept))

    def _end(self, item: Timed, report: EndReport) -> Status:
        said = ending(report, self._asked, self._sense, at=item.at, started_at=item.started_at)
        if self._ran_unsaid(said):
            self._begin(said.started_at or said.at, None)
        if (self._state, said.event) not in ATTEMPT_TABLE:
            # Only what has not begun can be refused; later it is a failure like any other.
            said = replace(said, event=AttemptEvent.FAILED)
        if (self._state, said.event) not in ATTEMPT_TABLE:
            return "superseded"
        started_at = self._started_at or said.started_at
        self.result.ending = replace(
            said, started_at=started_at, at=max(said.at, started_at or said.at)
        )
        self._state = ATTEMPT_TABLE[self._state, said.event]
        self._hash = said.result_hash
        return "ok"

    def _ran_unsaid(self, said: Ending) -> bool:
        """Did the work run, though nobody said so before it ended, or knew that it still did?"""
        if self._state is AttemptState.UNKNOWN:
            return said.event is AttemptEvent.HOLD
        if self._state is not AttemptState.ASSIGNED:
            return False
        if said.event is AttemptEvent.FAILED:
            return said.started_at is not None
        return said.event in {AttemptEvent.SUCCEEDED, AttemptEvent.HOLD}
