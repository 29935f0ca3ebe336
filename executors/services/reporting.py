"""What do agents report about their attempts? Taken in order, once, from whom they belong to.

Any number of batches costs the same number of statements: lock, fold, move, keep.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import transaction

from agents.core.sessions import SessionSuperseded
from agents.wire.messages import Finished, Outcome, Report, Reports, ReportsAnswer, Stopped
from executors.core import results
from executors.core.fences import Fence
from executors.core.reports import (
    AttemptFacts,
    Fold,
    Status,
    Timed,
    end_on_our_clock,
    fold,
    on_our_clock,
)
from executors.services import report_statements, report_writes, rows
from executors.services.report_writes import Folded
from executors.services.rows import Locked, LockedAttempt, LockedTask
from k8s4r import database, failpoints
from k8s4r.core import ids
from k8s4r.core.errors import DomainError

logger = logging.getLogger(__name__)

# The default of `ExecSpec.output_limit_bytes`: for a task whose spec does not say.
OUTPUT_LIMIT_BYTES: Final = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Batch:
    """The reports of one request, and the agent whose token it carried."""

    agent_id: UUID
    message: Reports


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a report stands in the answer."""

    batch: int
    item: int


@dataclass(slots=True)
class _File:
    """The reports about one attempt, from all batches, in their order.

    ``late`` ones come from a session in which the attempt does not run.
    """

    attempt: LockedAttempt
    task: LockedTask
    items: list[Timed] = field(default_factory=list)
    places: list[_Place] = field(default_factory=list)
    late: list[Report] = field(default_factory=list)


@transaction.atomic
def record(batches: Sequence[Batch], *, now: datetime) -> list[ReportsAnswer | DomainError]:
    """Take the reports of many agents together, in a constant number of statements.

    Locks: the tasks, by pk; then the attempts, by pk.

    Returns:
        One answer per batch, with one outcome per item in its order; or `SessionSuperseded` for a
        batch whose session is not its agent's open one: nothing of it counts.
    """
    attempt_ids = {item.attempt for batch in batches for item in batch.message.items}
    locked = rows.lock(attempt_ids)
    # Read after the locks: a session that ended before them has lost these attempts already.
    admitted = _admitted(batches)
    files = _Filing(locked, admitted, now).sort(batches)
    folded = [Folded(file.attempt, file.task, _folded(file)) for file in files]
    report_writes.write(folded, now=now)
    failpoints.reach("reports.before_commit")
    said = {
        place: (status, one.fold.last_seq + 1)
        for file, one in zip(files, folded, strict=True)
        for place, status in zip(file.places, one.fold.statuses, strict=True)
    }
    return [_answer(index, batch, said, admitted) for index, batch in enumerate(batches)]


def _admitted(batches: Sequence[Batch]) -> frozenset[int]:
    """Return the positions of the batches that come from their agent's open session."""
    asked = sorted({batch.message.session for batch in batches})
    owners: dict[UUID, UUID] = dict(database.rows(report_statements.SESSIONS, [asked]))
    return frozenset(
        index
        for index, batch in enumerate(batches)
        if owners.get(batch.message.session) == batch.agent_id
    )


class _Filing:
    """Sorts reports by attempt and leaves out what is not the business of who sent it."""

    def __init__(self, locked: Locked, admitted: frozenset[int], now: datetime) -> None:
        self._locked = locked
        self._admitted = admitted
        self._now = now
        self._tokens: dict[UUID, str] = {}
        self._fence = Fence(settings.ATTEMPT_KEY)
        self._files: dict[UUID, _File] = {}

    def sort(self, batches: Sequence[Batch]) -> list[_File]:
        for index, batch in enumerate(batches):
            for number, report in enumerate(batch.message.items):
                attempt = self._locked.attempts.get(report.attempt)
                if attempt is not None and self._is_own(attempt, batch, report):
                    self._add(attempt, batch, report, _Place(index, number))
        return list(self._files.values())

    def _is_own(self, attempt: LockedAttempt, batch: Batch, report: Report) -> bool:
        """Is this the sender's attempt, and does the sender hold its token?"""
        token = self._tokens.get(attempt.id)
        if token is None:
            token = self._tokens[attempt.id] = self._fence.token(attempt.id, attempt.number)
        is_own = attempt.agent_id == batch.agent_id and ids.same(report.token, token)
        if not is_own:
            logger.warning("foreign_report", extra={"attempt": attempt.id, "agent": batch.agent_id})
        return is_own

    def _add(self, attempt: LockedAttempt, batch: Batch, report: Report, place: _Place) -> None:
        file = self._files.setdefault(
            attempt.id, _File(attempt, self._locked.tasks[attempt.task_id])
        )
        elsewhere = attempt.is_current and attempt.session_id != batch.message.session
        if elsewhere or place.batch not in self._admitted:
            file.late.append(report)
            return
        file.items.append(_timed(report, batch.message.sent_at, attempt, now=self._now))
        file.places.append(place)


def _timed(report: Report, sent_at: float, attempt: LockedAttempt, *, now: datetime) -> Timed:
    at = on_our_clock(report.at, sent_at, now=now, assigned_at=attempt.assigned_at)
    if not isinstance(report, Finished | Stopped) or report.started_at is None:
        return Timed(report, at)
    if attempt.started_at is not None:
        ran_s = report.at - report.started_at
        return Timed(report, end_on_our_clock(ran_s, started_at=attempt.started_at, now=now))
    started_at = on_our_clock(report.started_at, sent_at, now=now, assigned_at=attempt.assigned_at)
    return Timed(report, at, min(started_at, at))


def _folded(file: _File) -> Fold:
    attempt, task = file.attempt, file.task
    limit = OUTPUT_LIMIT_BYTES if task.output_limit_bytes is None else task.output_limit_bytes
    facts = AttemptFacts(
        id=attempt.id,
        state=attempt.state,
        assigned_at=attempt.assigned_at,
        stop_reason=attempt.stop_reason,
        started_at=attempt.started_at,
        last_seq=attempt.last_seq,
        result_hash=attempt.result_hash,
        # Each attempt may fill its own share: a retry is not silent because the first was loud.
        log_room_bytes=limit * attempt.number - task.log_bytes,
        sense=results.sense_of(task.kind, task.facts.phase),
    )
    result = fold(facts, file.items)
    result.evidence += file.late
    return result


def _answer(
    index: int,
    batch: Batch,
    said: Mapping[_Place, tuple[Status, int]],
    admitted: frozenset[int],
) -> ReportsAnswer | DomainError:
    if index not in admitted:
        return SessionSuperseded(f"{batch.message.session} is not this agent's open session")
    return ReportsAnswer(
        results=[
            _outcome(report, said.get(_Place(index, number)))
            for number, report in enumerate(batch.message.items)
        ]
    )


def _outcome(report: Report, said: tuple[Status, int] | None) -> Outcome:
    """Return what to say of a report; one that nobody filed is about no attempt of the sender."""
    status, expected = said or ("superseded", 0)
    return Outcome(
        attempt=report.attempt,
        seq=report.seq,
        status=status,
        expected=expected if status == "gap" else None,
    )
