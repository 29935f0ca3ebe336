"""How do totals keep growing although the tasks that they count are deleted one day?"""

from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from executors.operating import selectors
from executors.operating.core import reasons
from k8s4r import database

# A transaction that ends tasks may commit a little after the moment that it writes into them.
SETTLED_AFTER: Final = timedelta(seconds=60)

_ALONE: Final = "LOCK TABLE operating_outcome, operating_agenttotal IN SHARE ROW EXCLUSIVE MODE"
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
# Its own end of the last count: a process that knows only outcomes may count beside this one
# while versions change.
_TALLY_AGENTS: Final = f"""
INSERT INTO operating_agenttotal AS counted (agent_id, total, success, failed, counted_until)
SELECT t.agent_id, {selectors.TOTALS}, %(until)s
FROM executors_task t
WHERE t.ended_at <= %(until)s AND t.agent_id IS NOT NULL
  AND t.ended_at > coalesce((SELECT max(counted_until) FROM operating_agenttotal), '-infinity')
GROUP BY t.agent_id ORDER BY t.agent_id
ON CONFLICT (agent_id) DO UPDATE
SET total = counted.total + excluded.total, success = counted.success + excluded.success,
    failed = counted.failed + excluded.failed, counted_until = excluded.counted_until
"""  # noqa: S608  # of fixed text


@transaction.atomic
def tally(*, now: datetime) -> int:
    """Add what ended since the last count to the totals; return how many of them grew.

    Locks: the tables of totals, so that two at once count nothing twice.
    """
    database.run(_ALONE)
    parameters = {
        "until": now - SETTLED_AFTER,
        "known": list(reasons.KNOWN),
        "other": reasons.OTHER,
    }
    return database.run(_TALLY, parameters) + database.run(_TALLY_AGENTS, parameters)
