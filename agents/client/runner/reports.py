"""How does the runner word what it reports? Each is the attempt's next in sequence."""

from typing import TypeAlias

from agents.client.drivers import base
from agents.client.runner.attempt import Attempt
from agents.wire.messages import Finished, Log, Refused, Started, Stopped

End: TypeAlias = Finished | Stopped | Refused


def started(attempt: Attempt, *, at: float) -> Started:
    """The process exists, or the work without one began."""
    pid = None if attempt.child is None else attempt.child.pid
    return Started(
        attempt=attempt.id, token=attempt.order.token, seq=attempt.next_seq, at=at, pid=pid
    )


def finished(attempt: Attempt, end: base.End, *, at: float) -> Finished:
    """The work ended by itself."""
    return Finished(
        attempt=attempt.id,
        token=attempt.order.token,
        seq=attempt.next_seq,
        at=at,
        exit_code=end.exit_code,
        signal=end.signal,
        signal_reason=end.signal_reason,
        message=end.message[:4096],
        started_at=attempt.started_at,
    )


def stopped(attempt: Attempt, reason: str, *, at: float, end: base.End | None = None) -> Stopped:
    """The work was stopped; ``end`` is how its first process ended, where one was seen to."""
    how = end or base.End()
    return Stopped(
        attempt=attempt.id,
        token=attempt.order.token,
        seq=attempt.next_seq,
        at=at,
        reason=reason,
        exit_code=how.exit_code,
        signal=how.signal,
        started_at=attempt.started_at,
    )


def refused(attempt: Attempt, message: str, *, at: float, reason: str = "") -> Refused:
    """The order is not taken; ``reason`` is a stable word of the protocol."""
    return Refused(
        attempt=attempt.id,
        token=attempt.order.token,
        seq=attempt.next_seq,
        at=at,
        message=message[:4096],
        reason=reason,
    )


def remark(attempt: Attempt, text: str, *, at: float) -> Log:
    """Say something to whoever reads the log, apart from the work's own output."""
    return Log(
        attempt=attempt.id,
        token=attempt.order.token,
        seq=attempt.next_seq,
        at=at,
        stream="agent",
        data=f"[k8s4r-agent] {text}\n".encode(),
    )
