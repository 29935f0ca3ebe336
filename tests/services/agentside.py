"""What an agent would say: reports with the right tokens, in the right order."""

from typing import Any
from uuid import UUID

from django.conf import settings

from agents.wire.messages import Finished, Log, Progress, Refused, Reports, Started, Stopped
from executors.core.fences import Fence
from executors.models import Attempt
from executors.services import reporting
from executors.services.reporting import Batch
from tests.builders import NOON, seconds

SENT_AT = 1000.0
KINDS = {
    "started": Started,
    "progress": Progress,
    "log": Log,
    "finished": Finished,
    "stopped": Stopped,
    "refused": Refused,
}


def token_of(attempt: Attempt) -> str:
    """Return the token that the agent got with the order."""
    return Fence(settings.ATTEMPT_KEY).token(attempt.pk, attempt.number)


def says(attempt: Attempt, seq: int, kind: str, *, ago: float = 0.0, **fields: Any) -> Any:
    """Return a report about the attempt, of something that happened ``ago`` seconds ago."""
    defaults = {"log": {"stream": "stdout", "data": b"x"}, "refused": {"message": "no"}}
    content = {"token": token_of(attempt), "at": SENT_AT - ago, **defaults.get(kind, {}), **fields}
    return KINDS[kind](attempt=attempt.pk, seq=seq, **content)


def a_batch(
    attempt: Attempt, *items: Any, session: UUID | None = None, agent: UUID | None = None
) -> Batch:
    """Return a batch from the attempt's agent in the attempt's session."""
    message = Reports(session=session or attempt.session_id, sent_at=SENT_AT, items=list(items))
    return Batch(agent or attempt.agent_id, message)


def report(attempt: Attempt, *items: Any, at_s: float = 100, **whence: Any) -> list[str]:
    """Send one batch at that many seconds after noon; return the status of each item."""
    batch = a_batch(attempt, *items, **whence)
    (answer,) = reporting.record([batch], now=NOON + seconds(at_s))
    if isinstance(answer, Exception):
        raise answer
    return [outcome.status for outcome in answer.results]
