"""What has happened that somebody wants to be told, and what of it is over?

Rows only: the unique constraint makes that a problem is told once, however often we look.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import Min, QuerySet
from django.urls import reverse

from agents.core.states import Desired, Observed
from agents.models import Agent
from executors import selectors as task_selectors
from executors.core.lifecycle import AttemptState, TaskState
from executors.models import Attempt, Task
from executors.operating.core import notices
from executors.operating.core.notices import Event, HeldPlan, Kind, Message
from executors.operating.models import Notification, NotificationTarget
from executors.operating.services import writing
from pools.models import Pool

# A transaction that ends tasks may commit a little after the moment that it writes into them.
OVERLAP: Final = timedelta(seconds=60)
MOST_AT_ONCE: Final = 200
# A link that breaks off, or a restart of ours, is no news.
AWAY_FOR: Final = timedelta(seconds=60)
_BAD: Final = (TaskState.FAILED, TaskState.TIMED_OUT)
_AWAY: Final = (Observed.OFFLINE, Observed.ERROR)


def look(*, site: str, now: datetime) -> int:
    """Write what there is to tell to every target; return how many messages it was.

    ``site`` is what the addresses of pages begin with.
    """
    ids = NotificationTarget.objects.filter(paused=False).values_list("pk", flat=True)
    return sum(_look_for(target_id, site=site, now=now) for target_id in list(ids))


@transaction.atomic
def _look_for(target_id: UUID, *, site: str, now: datetime) -> int:
    """Write what there is to tell to one target.

    Locks: the target, so that two looks at once count the same failures once.
    """
    locked = NotificationTarget.objects.select_for_update(of=("self",), skip_locked=True)
    target = locked.filter(pk=target_id).first()
    if target is None:
        return 0
    wanted = set(target.events)
    problems = _failed_tasks(target, now=now) if Event.TASK_FAILED in wanted else []
    away = _away_agents(target) if Event.AGENT_OFFLINE in wanted else {}
    queues = _old_queues(target, now=now) if Event.QUEUE_TOO_OLD in wanted else []
    plans = _held_plans(target, site) if Event.APPROVAL_REQUIRED in wanted else []
    over = _close(target, {message.subject for message in [*away, *queues, *plans]}, now=now)
    ripe = [message for message, since in away.items() if since <= now - AWAY_FOR]
    NotificationTarget.objects.filter(pk=target.pk).update(looked_until=now)
    waiting = _paced(target, _untold(target, plans), now=now)
    told = [*problems, *_untold(target, [*ripe, *queues]), *waiting, *over]
    return _write(target, told, now=now)


def _write(target: NotificationTarget, messages: Iterable[Message], *, now: datetime) -> int:
    rows = [
        writing.row_of(message, target.pk, now=now)
        for message in messages
        if notices.is_wanted(message.severity, target.min_severity)
    ]
    Notification.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)


def _untold(target: NotificationTarget, messages: Sequence[Message]) -> list[Message]:
    """Leave out the problems that were told and are not over."""
    subjects = [message.subject for message in messages]
    told = set(
        Notification.objects.filter(
            target=target, kind=Kind.PROBLEM, over_at=None, subject__in=subjects
        ).values_list("subject", flat=True)
    )
    return [message for message in messages if message.subject not in told]


def _failed_tasks(target: NotificationTarget, *, now: datetime) -> list[Message]:
    """Return the failures since the last look, up to what one window may say one by one."""
    since = max(target.looked_until - OVERLAP, target.created_at)
    ended = Task.objects.filter(ended_at__gt=since, ended_at__lte=now, state__in=_BAD)
    rows = _labelled(target, _narrowed(target, ended))
    found = rows.order_by("ended_at").values_list("pk", "name", "pool__name", "state", "reason")
    messages = [notices.task_failed(str(pk), *rest) for pk, *rest in found[:MOST_AT_ONCE]]
    return _bounded(target, _untold(target, messages), now=now)


def _bounded(
    target: NotificationTarget, messages: list[Message], *, now: datetime
) -> list[Message]:
    """Keep what the window has room for, and say once that there were more."""
    number = int(now.timestamp()) // notices.WINDOW_S
    room = max(0, notices.MOST_FAILURES_A_WINDOW - _said(target, Event.TASK_FAILED, now=now))
    if len(messages) <= room:
        return messages
    return [*messages[:room], *_untold(target, [notices.many_failed(str(number))])]


def _paced(target: NotificationTarget, messages: list[Message], *, now: datetime) -> list[Message]:
    """Keep what the window has room for: the others still wait in a later one."""
    said = _said(target, Event.APPROVAL_REQUIRED, now=now) if messages else 0
    return messages[: max(0, notices.MOST_PLANS_A_WINDOW - said)]


def _said(target: NotificationTarget, event: Event, *, now: datetime) -> int:
    """Return how many problems of this kind a target was told of within the window."""
    since = now - timedelta(seconds=notices.WINDOW_S)
    rows = Notification.objects.filter(target=target, event=event, created_at__gt=since)
    return rows.filter(kind=Kind.PROBLEM).count()


def _held_plans(target: NotificationTarget, site: str) -> list[Message]:
    """Return the plans that wait for a decision, the oldest first."""
    waiting = _narrowed(target, Task.objects.filter(state=TaskState.APPLY_PENDING))
    rows = Attempt.objects.filter(task__in=_labelled(target, waiting), state=AttemptState.HELD)
    return [
        notices.approval_required(
            HeldPlan(
                attempt_id=str(row.pk),
                task_id=str(row.task_id),
                name=row.task.name,
                owner=row.task.owner.username,
                pool=row.task.pool.name,
                until=row.reserved_until,
                page=site + reverse("admin:executors_task_change", args=[row.task_id]),
            )
        )
        for row in rows.select_related("task__owner", "task__pool").order_by("changed_at", "pk")
    ]


def _narrowed(target: NotificationTarget, rows: QuerySet[Task]) -> QuerySet[Task]:
    """Return those of tasks that are in the project and the pool that a target names."""
    if target.project_id:
        rows = rows.filter(project_id=target.project_id)
    return rows.filter(pool_id=target.pool_id) if target.pool_id else rows


def _labelled(target: NotificationTarget, rows: QuerySet[Task]) -> QuerySet[Task]:
    return task_selectors.labelled(rows, target.labels) if target.labels else rows


def _away_agents(target: NotificationTarget) -> dict[Message, datetime]:
    """Return the agents that are away, and since when each has not changed."""
    rows = Agent.objects.filter(archived_at=None, desired=Desired.ACTIVE, observed__in=_AWAY)
    if target.project_id:
        rows = rows.filter(project_id=target.project_id)
    if target.labels:
        rows = rows.filter(labels__contains=target.labels)
    found = rows.values_list("changed_at", "pk", "name", "observed", "observed_reason")
    return {notices.agent_offline(str(pk), *rest): since for since, pk, *rest in found}


def _old_queues(target: NotificationTarget, *, now: datetime) -> list[Message]:
    before = now - timedelta(seconds=target.queue_age_s)
    pending = Task.objects.filter(
        state=TaskState.PENDING, run_after__isnull=True, submitted_at__lte=before
    )
    rows = _narrowed(target, pending)
    oldest = dict(rows.order_by().values_list("pool_id").annotate(Min("submitted_at")))
    names = dict(Pool.objects.filter(pk__in=oldest).values_list("pk", "name"))
    return [
        notices.queue_too_old(str(pool_id), names[pool_id], (now - since).total_seconds())
        for pool_id, since in oldest.items()
    ]


def _close(target: NotificationTarget, still_so: set[str], *, now: datetime) -> list[Message]:
    """End what is over, and return what is said of it: nothing of what is no longer wanted."""
    rows = Notification.objects.filter(
        target=target,
        kind=Kind.PROBLEM,
        over_at=None,
        event__in=notices.LASTING,
    ).exclude(subject__in=still_so)
    ended = list(rows)
    Notification.objects.filter(pk__in=[row.pk for row in ended]).update(over_at=now)
    return [
        notices.recovered(Event(row.event), row.subject, row.title)
        for row in ended
        if row.event in target.events
    ]
