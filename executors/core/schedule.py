"""Which periodic jobs are there, how often does each run, and which tick is it now?

Beat and the gateways' loops both go by this table; the tick's row lets one of them do each run.
"""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final


class Job(StrEnum):
    """A periodic job, in the order in which due ones run."""

    PULSE = "pulse"
    LEASES = "leases"
    RUN_DEADLINES = "run_deadlines"
    SILENCE = "silence"
    QUEUE_DEADLINES = "queue_deadlines"
    RESERVATIONS = "reservations"
    HEARTBEATS = "heartbeats"
    DEPARTURES = "departures"
    DELAYED = "delayed"
    PAUSES = "pauses"
    DISPATCH = "dispatch"
    SCALING = "scaling"
    NOTICES = "notices"
    TALLY = "tally"
    RETENTION = "retention"
    AUDIT_MONTHS = "audit_months"
    AUDIT_SEAL = "audit_seal"
    LEFTOVERS = "leftovers"


# Short enough for what people notice (a deadline, a retry), long enough to idle cheaply.
PERIODS: Final[dict[Job, timedelta]] = {
    Job.PULSE: timedelta(seconds=5),
    Job.LEASES: timedelta(seconds=5),
    Job.RUN_DEADLINES: timedelta(seconds=2),
    Job.SILENCE: timedelta(seconds=5),
    Job.QUEUE_DEADLINES: timedelta(seconds=2),
    Job.RESERVATIONS: timedelta(seconds=5),
    Job.HEARTBEATS: timedelta(seconds=5),
    Job.DEPARTURES: timedelta(seconds=2),
    Job.DELAYED: timedelta(seconds=1),
    Job.PAUSES: timedelta(seconds=2),
    Job.DISPATCH: timedelta(seconds=2),
    Job.SCALING: timedelta(seconds=5),
    Job.NOTICES: timedelta(seconds=5),
    Job.TALLY: timedelta(minutes=1),
    Job.RETENTION: timedelta(minutes=1),
    Job.AUDIT_MONTHS: timedelta(hours=1),
    Job.AUDIT_SEAL: timedelta(minutes=1),
    Job.LEFTOVERS: timedelta(hours=1),
}

# Beat sends these in one message, whenever the shortest of them may be due, and each of the others
# alone. Whose turn it is costs one statement for all of them; a message for each would cost more
# than what most of them do.
ROUND_EVERY: Final = min(PERIODS.values())
ROUND: Final = tuple(job for job, period in PERIODS.items() if period <= timedelta(seconds=5))

_START: Final = datetime(1970, 1, 1, tzinfo=UTC)


def tick(now: datetime, period: timedelta) -> datetime:
    """Return the moment for which a run at ``now`` counts: ``now`` floored to the period.

    Whoever asks within one period gets the same moment, whatever its own rhythm.
    """
    return now - (now - _START) % period


def due(now: datetime) -> dict[Job, datetime]:
    """Return the present tick of every job, in their order."""
    return {job: tick(now, period) for job, period in PERIODS.items()}
