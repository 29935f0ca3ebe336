"""How do totals keep growing although the tasks that they count are deleted one day?"""

from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from executors.operating.core import reasons
from k8s4r import database

# A transaction that ends tasks may commit a little after the moment that it writes into them.
SETTLED_AFTER: Final = timedelta(seconds=60)

_ALONE: Final = "LOCK TABLE operating_outcome IN SHARE ROW EXCLUSIVE MODE"
_TALLY: Final = """
INSERT INTO operating_outcome AS total (state, reason, tasks, counted_until)
SELECT t.state,
       CASE WHEN t.reason = ANY(%(known)s) OR t.reason = '' THEN t.reason ELSE %(other)s END,
       count(*), %(until)s
FROM executors_task t
WHERE t.ended_at <= %(until)s
  AND t.ended_at > coalesce((SELECT max(counted_until) FROM operating_outcome), '-infinity')
GROUP BY 1, 2
ON CONFLICT (state, reason) DO UPDATE
SET tasks = total.tasks + excluded.tasks, counted_until = excluded.counted_until
"""


@transaction.atomic
def tally(*, now: datetime) -> int:
    """Add what ended since the last count to the totals; return how many of them grew.

    Locks: the table of totals, so that two at once count nothing twice.
    """
    database.run(_ALONE)
    parameters = {
        "until": now - SETTLED_AFTER,
        "known": list(reasons.KNOWN),
        "other": reasons.OTHER,
    }
    return database.run(_TALLY, parameters)
