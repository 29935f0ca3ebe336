"""What may go because its time is over? Ended tasks with all they left, and old bookkeeping.

Every function takes one bounded batch, returns how many rows it was, and may run twice at once.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session as SignIn
from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from agents.models import Session
from executors.models import Artifact, Attempt, Evidence, Task, Tick
from k8s4r import database
from k8s4r.access.models import Token, TokenKind
from k8s4r.api.models import IdempotencyRecord
from k8s4r.audit import attribution
from pools.core.pods import PodState
from pools.models import Pod, PodAction, ScalingDecision

logger = logging.getLogger(__name__)

MONTHS_AHEAD: Final = 3


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """How long what has ended is kept.

    ``idempotency`` is how long a repeated create is recognised; ``ticks`` need to outlive only the
    slowest process that could still ask for one. ``tokens`` have ended, and somebody may still ask
    whose they were; ``pod_tokens`` are one an hour of each pod, and nobody holds them but the pod.
    """

    tasks: timedelta = timedelta(days=30)
    event_months: int = 13
    idempotency: timedelta = timedelta(hours=24)
    ticks: timedelta = timedelta(hours=2)
    tokens: timedelta = timedelta(days=90)
    pod_tokens: timedelta = timedelta(days=1)
    admin_log: timedelta = timedelta(days=365)
    scaling: timedelta = timedelta(days=7)


# Children first; a child task survives its parent and only forgets it.
_DELETE: Final = (
    "DELETE FROM executors_logchunk c USING executors_attempt a"
    " WHERE a.id = c.attempt_id AND a.task_id = ANY(%(ids)s)",
    "DELETE FROM executors_artifact f USING executors_attempt a"
    " WHERE a.id = f.attempt_id AND a.task_id = ANY(%(ids)s)",
    "DELETE FROM executors_annotation n USING executors_attempt a"
    " WHERE a.id = n.attempt_id AND a.task_id = ANY(%(ids)s)",
    "DELETE FROM executors_plandecision d USING executors_attempt a"
    " WHERE a.id = d.attempt_id AND a.task_id = ANY(%(ids)s)",
    "DELETE FROM executors_attempt WHERE task_id = ANY(%(ids)s)",
    "UPDATE executors_task SET parent_id = NULL WHERE parent_id = ANY(%(ids)s)",
    "DELETE FROM executors_task WHERE id = ANY(%(ids)s)",
)

_MAKE_MONTH: Final = "SELECT audit_make_month(%s + make_interval(months => %s))"
_OLD_MONTHS: Final = """
SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'audit_event'::regclass AND c.relname ~ '^audit_event_[0-9]{4}_[0-9]{2}$'
  AND right(c.relname, 7) < to_char(
      (%s - make_interval(months => %s)) AT TIME ZONE 'UTC', 'YYYY_MM')
ORDER BY 1
"""
_IS_SEALED: Final = """
SELECT coalesce(max(id), 0) <= (SELECT coalesce(max(last_id), 0) FROM audit_seal) FROM "{}"
"""
_NOTE_DROPPED: Final = (
    "INSERT INTO audit_dropped_month (month, dropped_at) VALUES (%s, %s) ON CONFLICT DO NOTHING"
)


def delete_tasks(
    *,
    now: datetime,
    limit: int,
    policy: RetentionPolicy,
    remove_files: Callable[[Sequence[UUID]], None],
) -> int:
    """Delete tasks that ended long ago, with their attempts, output and artifacts.

    The files go first: a crash in between leaves rows that the next run deletes, never a file that
    no row knows. ``remove_files`` takes ids of artifacts and ignores those that have no file.
    """
    old = Task.objects.filter(ended_at__lte=now - policy.tasks).order_by("ended_at")
    ids = list(old.values_list("pk", flat=True)[:limit])
    if not ids:
        return 0
    files = Artifact.objects.filter(attempt__task_id__in=ids).values_list("pk", flat=True)
    remove_files(list(files))
    return _delete_rows(ids)


@transaction.atomic
def _delete_rows(task_ids: Sequence[UUID]) -> int:
    tasks = Task.objects.filter(pk__in=task_ids).order_by("pk")
    attribution.attribute(attribution.SYSTEM, cause="retention")
    locked = list(
        tasks.select_for_update(of=("self",), skip_locked=True).values_list("pk", flat=True)
    )
    for statement in _DELETE:
        database.run(statement, {"ids": locked})
    return len(locked)


def delete_bookkeeping(*, now: datetime, limit: int, policy: RetentionPolicy) -> int:
    """Delete what is old of records, ticks, evidence, sessions, tokens, pods and their scaling.

    Returns the most of any one kind.
    """
    doomed: tuple[QuerySet[Any], ...] = (
        IdempotencyRecord.objects.filter(created_at__lte=now - policy.idempotency),
        Tick.objects.filter(scheduled_for__lte=now - policy.ticks),
        Evidence.objects.filter(received_at__lte=now - policy.tasks),
        _lives_without_work().filter(ended_at__lte=now - policy.tasks),
        _ended_tokens(now - policy.tokens),
        _ended_tokens(now - policy.pod_tokens).filter(kind=TokenKind.POD),
        SignIn.objects.filter(expire_date__lte=now),
        LogEntry.objects.filter(action_time__lte=now - policy.admin_log),
        ScalingDecision.objects.filter(until__lte=now - policy.scaling),
        PodAction.objects.filter(done_at__lte=now - policy.tasks),
        Pod.objects.filter(state=PodState.GONE, gone_at__lte=now - policy.tasks),
    )
    return max(_delete_some(rows, limit=limit) for rows in doomed)


def _delete_some(rows: QuerySet[Any], *, limit: int) -> int:
    ids = list(rows.order_by("pk").values_list("pk", flat=True)[:limit])
    deleted, _ = rows.filter(pk__in=ids).delete()
    return deleted


def _lives_without_work() -> QuerySet[Session]:
    """Return the sessions of which no attempt is left; nothing new is tied to one that ended."""
    return Session.objects.filter(~Exists(Attempt.objects.filter(session=OuterRef("pk"))))


def _ended_tokens(before: datetime) -> QuerySet[Token]:
    return Token.objects.filter(Q(revoked_at__lte=before) | Q(expires_at__lte=before))


def keep_audit_months(*, now: datetime, policy: RetentionPolicy) -> None:
    """Make the months ahead for events, and drop those that are older than history is kept."""
    for ahead in range(MONTHS_AHEAD + 1):
        _make_month(now, ahead)
    for (name,) in database.rows(_OLD_MONTHS, [now, policy.event_months]):
        _drop_month(name, now=now)


@transaction.atomic
def _drop_month(name: str, *, now: datetime) -> None:
    """Drop a month whose events are all sealed; the seals stay, and the month is noted."""
    _become_owner()
    ((is_sealed,),) = database.rows(_IS_SEALED.format(name))
    if not is_sealed:
        logger.warning("audit_month_not_sealed_yet", extra={"partition": name})
        return
    database.run(f'DROP TABLE "{name}"')
    month = datetime.strptime(name[-7:], "%Y_%m").date()  # noqa: DTZ007  # a month has no zone
    database.run(_NOTE_DROPPED, [month, now])
    logger.info("audit_month_dropped", extra={"partition": name})


def _make_month(now: datetime, ahead: int) -> None:
    """Make one month; one whose events already lie in the rest partition stays there."""
    try:
        _as_owner(_MAKE_MONTH, now, ahead)
    except IntegrityError:
        logger.warning("audit_month_stays_in_rest", extra={"months_ahead": ahead})


@transaction.atomic
def _as_owner(statement: str, *parameters: datetime | int) -> None:
    """Run one statement as the user we logged in as: the working role may not change history."""
    _become_owner()
    database.run(statement, parameters)


def _become_owner() -> None:
    database.run("SET LOCAL ROLE NONE")
