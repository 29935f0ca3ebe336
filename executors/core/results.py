"""What does an end report say, and which result is it?

Two kinds of work end differently from all other. A plan that is to be applied does not end when its
process has: it is held until somebody decides. An apply of which a runner says that it was lost may
have come any way at all: nobody knows, and nobody starts it again.
"""

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from agents.wire.messages import EndReport, Finished, Refused, Stopped
from agents.wire.orders import APPLY, PLAN_AND_APPLY
from executors.core.lifecycle import AttemptEvent, StopReason

REASON_CHARACTERS: Final = 64
_INT32: Final = 2**31
_INT64: Final = 2**63
_REASONS: Final = {str(reason): reason for reason in StopReason}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How the attempt ended; with `HOLD` it goes on, and there is no result yet."""

    event: AttemptEvent
    at: datetime
    result_hash: bytes | None
    stop_reason: StopReason = StopReason.NONE
    reason: str = ""
    message: str = ""
    exit_code: int | None = None
    signal: int | None = None
    started_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Sense:
    """What good ends and lost runners mean for this attempt."""

    success: AttemptEvent = AttemptEvent.SUCCEEDED
    loss: AttemptEvent = AttemptEvent.STOPPED


ORDINARY: Final = Sense()
TO_APPLY: Final = Sense(success=AttemptEvent.HOLD)
APPLIES: Final = Sense(loss=AttemptEvent.UNSURE)


def sense_of(kind: str, phase: str) -> Sense:
    """Return what ends mean for work of this kind in this phase."""
    if kind != PLAN_AND_APPLY:
        return ORDINARY
    return APPLIES if phase == APPLY else TO_APPLY


def result_hash(report: EndReport) -> bytes:
    """Return what makes two end reports the same result: how it ended, not when it was said."""
    said: tuple[str | int | None, ...]
    if isinstance(report, Finished):
        said = ("finished", report.exit_code, report.signal, report.signal_reason)
    elif isinstance(report, Stopped):
        said = ("stopped", report.exit_code, report.signal, report.reason)
    else:
        said = ("refused",)
    return hashlib.sha256(repr(said).encode()).digest()


def ending(
    report: EndReport,
    asked: StopReason,
    sense: Sense,
    *,
    at: datetime,
    started_at: datetime | None,
) -> Ending:
    """Return what an end report says; the server's own reason to stop counts before the agent's.

    A plan that was made although it was to stop is not held: its end is that of the stop.
    """
    event = _event(report, sense)
    said = Ending(
        event=event,
        at=at,
        # The runner keeps a plan until it is told what became of it: it has said no result.
        result_hash=None if event is AttemptEvent.HOLD else result_hash(report),
        stop_reason=asked,
        message=report.message,
        started_at=started_at,
    )
    if isinstance(report, Refused):
        return replace(said, reason=(report.reason or "refused")[:REASON_CHARACTERS])
    said = replace(
        said, exit_code=_within(report.exit_code, _INT32), signal=_within(report.signal, _INT32)
    )
    if isinstance(report, Stopped):
        own = _REASONS.get(report.reason, StopReason.NONE)
        return replace(said, stop_reason=asked or own, reason=report.reason[:REASON_CHARACTERS])
    if event is AttemptEvent.HOLD and asked:
        return replace(said, event=AttemptEvent.STOPPED, reason=str(asked))
    return replace(said, reason=_reason(report))


def as_pid(number: int | None) -> int | None:
    """Return the number of a process as far as a column holds it."""
    return _within(number, _INT64)


def _event(report: EndReport, sense: Sense) -> AttemptEvent:
    if isinstance(report, Refused):
        return AttemptEvent.REFUSED
    if isinstance(report, Stopped):
        is_lost = report.reason == StopReason.RUNNER_LOST
        return sense.loss if is_lost else AttemptEvent.STOPPED
    return sense.success if report.exit_code == 0 else AttemptEvent.FAILED


def _reason(report: Finished) -> str:
    if report.exit_code == 0:
        return ""
    if report.signal_reason:
        return report.signal_reason[:REASON_CHARACTERS]
    return "exit_code" if report.signal is None else "signal"


def _within(number: int | None, bound: int) -> int | None:
    """Return a number as far as a column holds it: what no machine can mean says nothing."""
    return number if number is not None and -bound <= number < bound else None
