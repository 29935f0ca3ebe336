"""How are events sealed? In ranges that are closed: no running transaction can add to them.

Ids are given out before the commit, so a low one may appear after a higher one. A mark remembers
the last id that was given out and, begun after that question, our own transaction: who got an id up
to there had a lower number. When all those have ended, all that will ever be in the range is there.
"""

import logging
from datetime import datetime
from functools import partial
from typing import Final

from django.db import transaction

from k8s4r import database
from k8s4r.audit import seals
from k8s4r.audit.models import AuditSeal

logger = logging.getLogger(__name__)

# A batch is hashed in one statement: some tenths of a second.
MOST_EVENTS: Final = 20_000

_LOCK: Final = "SELECT last_id, running_before FROM audit_seal_mark FOR UPDATE SKIP LOCKED"
_OLDEST_RUNNING: Final = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
# Gives this transaction its number. (A snapshot's xmax would not do: it is the number after the
# last one that *ended*, and others may be running above it.)
_OURS: Final = "SELECT pg_current_xact_id()::text::bigint"
_GIVEN_OUT: Final = "SELECT last_value FROM audit_event_id_seq"
_MARK: Final = "UPDATE audit_seal_mark SET last_id = %s, running_before = %s"
_REACH: Final = """
SELECT max(id), count(*)
FROM (SELECT id FROM audit_event WHERE id BETWEEN %s AND %s ORDER BY id LIMIT %s) AS batch
"""


@transaction.atomic
def seal(*, now: datetime, limit: int = MOST_EVENTS) -> int:
    """Seal what is closed, a batch of events at most; return how many events were sealed.

    A second sealer at the same time does nothing.

    Locks: the mark.
    """
    # The order of these two is the point.
    ((given_out,),) = database.rows(_GIVEN_OUT)
    ((ours,),) = database.rows(_OURS)
    mark = database.rows(_LOCK)
    if not mark:
        return 0
    marked, running_before = mark[0]
    ((oldest_running,),) = database.rows(_OLDEST_RUNNING)
    if oldest_running < running_before <= ours:
        return 0
    # After a restore transactions are counted anew: a mark from before means nothing.
    is_known = running_before <= ours
    sealed, reached = (
        _seal_up_to(marked, now=now, limit=min(limit, MOST_EVENTS)) if is_known else (0, marked)
    )
    if reached == marked:
        database.run(_MARK, [given_out, ours])
    return sealed


def _seal_up_to(marked: int, *, now: datetime, limit: int) -> tuple[int, int]:
    """Seal a batch; return how many events it holds and up to which id everything is sealed."""
    last = AuditSeal.objects.order_by("-number").first()
    first_id = last.last_id + 1 if last else 1
    ((highest, events),) = database.rows(_REACH, [first_id, marked, limit])
    if not events:
        return 0, marked
    reached = highest if events == limit else marked
    for month, content in seals.contents(first_id, reached).items():
        sealed = AuditSeal(
            number=last.number + 1 if last else 1,
            first_id=first_id,
            last_id=reached,
            month=month,
            events=content.events,
            digest=content.digest,
            previous=last.hash if last else seals.GENESIS,
            sealed_at=now,
        )
        sealed.hash = seals.chained(sealed)
        sealed.save(force_insert=True)
        last = sealed
    if last is not None:
        transaction.on_commit(partial(_say, last))
    return events, reached


def _say(head: AuditSeal) -> None:
    """Leave the head in the log: logs that go elsewhere are what nobody here can change."""
    head_text = f"{head.number}:{bytes(head.hash).hex()}"
    logger.info("audit_sealed", extra={"head": head_text, "last_id": head.last_id})
