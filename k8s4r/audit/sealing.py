"""How are events sealed? In ranges that are closed: no running transaction can add to them.

The mark of `closing` is kept in a row: what it says is over by a later call, maybe of another
process, is sealed then.
"""

import logging
from datetime import datetime
from functools import partial
from typing import Final

from django.db import transaction

from k8s4r import database
from k8s4r.audit import closing, seals
from k8s4r.audit.models import AuditSeal

logger = logging.getLogger(__name__)

# A batch is hashed in one statement: some tenths of a second.
MOST_EVENTS: Final = 20_000

_LOCK: Final = "SELECT last_id, running_before FROM audit_seal_mark FOR UPDATE SKIP LOCKED"
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
    new = closing.mark()
    rows = database.rows(_LOCK)
    if not rows:
        return 0
    old = closing.Mark(*rows[0])
    # After a restore transactions are counted anew: a mark from before means nothing.
    is_known = old.running_before <= new.running_before
    if is_known and not old.is_over(closing.oldest_running()):
        return 0
    sealed, reached = (
        _seal_up_to(old.last_id, now=now, limit=min(limit, MOST_EVENTS))
        if is_known
        else (0, old.last_id)
    )
    if reached == old.last_id:
        database.run(_MARK, new)
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
