"""Whose turn is a periodic run? Whoever inserts the tick's row first."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, TypeVar

from k8s4r import database

Name = TypeVar("Name", bound=str)

# Two beats, or beat and a gateway, ask at the same moment: the unique index lets one of them in.
_TAKE: Final = """
INSERT INTO executors_tick (job, scheduled_for, taken_at)
SELECT m.job, m.scheduled_for, %(now)s
FROM unnest(%(jobs)s::text[], %(moments)s::timestamptz[]) AS m(job, scheduled_for)
ON CONFLICT DO NOTHING
RETURNING job
"""


def take(moments: Mapping[Name, datetime], *, now: datetime) -> frozenset[str]:
    """Take every run of these that nobody has taken, in one statement; return their jobs.

    A run that is taken and not done, because its process died, is made up for by the next tick.
    """
    parameters = {
        "now": now,
        "jobs": [str(job) for job in moments],
        "moments": list(moments.values()),
    }
    return frozenset(row[0] for row in database.rows(_TAKE, parameters))
