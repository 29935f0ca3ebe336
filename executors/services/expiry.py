"""What has run out of time? Leases, deadlines, silence and delays, each in bounded batches.

Every function finds candidates, locks what nobody else holds, decides on the locked rows and
returns how many it moved. Each may run never, twice, or twice at once: the next run makes up.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import (
    DateTimeField,
    DurationField,
    Exists,
    ExpressionWrapper,
    F,
    OuterRef,
    QuerySet,
    Value,
)
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Coalesce, Greatest

from agents.core.states import Observed, Sign, observed_after
from agents.models import Agent, Session
from executors import wakeups
from executors.core import leases
from executors.core.endings import AGENT_LOST, AttemptEnd, when_silent
from executors.core.leases import LeasePolicy
from executors.core.lifecycle import AttemptEvent, AttemptState, StopReason, TaskEvent, TaskState
from executors.models import Attempt, Task
from executors.services import endings, locking, pulses, rows, transitions
from executors.services.endings import EndedAttempt
from executors.services.rows import Locked, LockedAttempt, LockedTask
from executors.services.transitions import AttemptMove, TaskMove
from k8s4r.audit import attribution

QUEUE_DEADLINE: Final = "queue_deadline"
_LEASED: Final = (AttemptState.ASSIGNED, AttemptState.RUNNING, AttemptState.STOPPING)


@transaction.atomic
def expire_heartbeats(*, now: datetime, limit: int, policy: LeasePolicy) -> int:
    """Call agents offline that have been silent; a heartbeat makes them online again.

    Locks: the agents, by pk; skips what others hold.
    """
    floor = pulses.steady_since(now=now, policy=policy)
    heard_after = now - policy.offline_after
    if floor is None or floor > heard_after:
        return 0
    heard = Session.objects.filter(agent=OuterRef("pk"), last_heartbeat_at__gt=heard_after)
    silent = Agent.objects.filter(~Exists(heard), observed=Observed.ONLINE)
    locked = silent.order_by("pk").select_for_update(of=("self",), no_key=True, skip_locked=True)
    agent_ids = list(locked.values_list("pk", flat=True)[:limit])
    if not agent_ids:
        return 0
    attribution.attribute(attribution.SYSTEM, cause="heartbeat_expiry")
    offline = observed_after(Observed.ONLINE, Sign.SILENT)
    return silent.filter(pk__in=agent_ids).update(observed=offline, changed_at=now)


@transaction.atomic
def expire_leases(*, now: datetime, limit: int, policy: LeasePolicy) -> int:
    """Give up on work whose agent was silent for the ``lost_after_s`` of its task.

    What becomes of it is its policy's to say: another try once its runner has surely stopped it,
    failed, or unknown. Nothing expires by a time in which we were away ourselves.

    Locks: the tasks, their attempts and the attempts' sessions; skips what others hold.
    """
    floor = pulses.steady_since(now=now, policy=policy)
    if floor is None:
        return 0
    silent_since = Greatest("session__last_heartbeat_at", Value(floor))
    overdue = Attempt.objects.filter(state__in=_LEASED).alias(
        lost_at=_later(silent_since, "lost_after_s")
    )
    late = overdue.filter(lost_at__lte=now)
    lost_after_s = dict(late.values_list("pk", "lost_after_s")[:limit])
    locked = rows.lock_free(lost_after_s)
    heard = _hold_leases(locked)
    lost = [
        attempt
        for attempt in locked.attempts.values()
        if attempt.state in _LEASED
        and attempt.session_id in heard
        and leases.is_overdue(
            heard[attempt.session_id], lost_after_s[attempt.id], now=now, floor=floor
        )
    ]
    if lost:
        attribution.attribute(attribution.SYSTEM, cause="lease_expiry")
        _give_up(lost, locked.tasks, now=now, grace=policy.requeue_grace)
    return len(lost)


@transaction.atomic
def expire_queue(*, now: datetime, limit: int) -> int:
    """End tasks that were not assigned in the time they gave; a retry does not queue anew.

    Locks: the tasks, by pk; skips what others hold.
    """
    late = Task.objects.filter(state=TaskState.PENDING, queue_deadline_at__lte=now, attempts_made=0)
    tasks = locking.free_tasks(late.order_by("queue_deadline_at"), limit=limit)
    if tasks:
        attribution.attribute(attribution.SYSTEM, cause="queue_deadline")
    moves = [
        TaskMove(task_id=task_id, event=TaskEvent.TIMED_OUT, reason=QUEUE_DEADLINE, ended_at=now)
        for task_id in tasks
    ]
    return len(transitions.move_tasks(moves, now=now))


@transaction.atomic
def expire_runs(*, now: datetime, limit: int) -> int:
    """Ask agents to stop what ran for longer than its task allows.

    Locks: the tasks, then their attempts, by pk; skips what others hold.
    """
    late = Attempt.objects.filter(state=AttemptState.RUNNING, run_deadline_at__lte=now)
    return _stop_late(late, StopReason.RUN_DEADLINE, now=now, limit=limit)


@transaction.atomic
def expire_silence(*, now: datetime, limit: int, policy: LeasePolicy) -> int:
    """Ask agents to stop what has reported nothing for longer than its task allows.

    Only a present agent's silence counts: neither the time in which we were away, nor the time
    before the agent came back. While it is away its lease decides.

    Locks: the tasks, then their attempts, by pk; skips what others hold.
    """
    floor = pulses.steady_since(now=now, policy=policy)
    if floor is None:
        return 0
    heard = Coalesce("last_report_at", "started_at", "assigned_at")
    silent_since = Greatest(heard, F("agent__changed_at"), Value(floor))
    late = Attempt.objects.filter(
        state=AttemptState.RUNNING,
        silence_timeout_s__isnull=False,
        agent__observed=Observed.ONLINE,
    ).alias(silent_at=_later(silent_since, "silence_timeout_s"))
    return _stop_late(
        late.filter(silent_at__lte=now), StopReason.SILENCE_DEADLINE, now=now, limit=limit
    )


@transaction.atomic
def release_delayed(*, now: datetime, limit: int) -> int:
    """Put tasks into the queue whose delay is over.

    Locks: the tasks, by pk; skips what others hold.
    """
    ready = Task.objects.filter(state=TaskState.PENDING, run_after__lte=now)
    tasks = locking.free_tasks(ready.order_by("run_after"), limit=limit)
    Task.objects.filter(pk__in=tasks).update(run_after=None)
    wakeups.tasks_waiting(tasks.values())
    return len(tasks)


def _later(moment: Greatest, seconds: str) -> "ExpressionWrapper[CombinedExpression]":
    """Return the expression of a moment plus a column of seconds."""
    second = Value(timedelta(seconds=1))
    duration = ExpressionWrapper(F(seconds) * second, output_field=DurationField())
    return ExpressionWrapper(moment + duration, output_field=DateTimeField())


def _hold_leases(locked: Locked) -> dict[UUID, datetime]:
    """Lock the attempts' sessions and return when each was heard last.

    A session that is being renewed at this moment is left out, and no heartbeat can be acknowledged
    between the decision and its commit.
    """
    sessions = Session.objects.filter(
        pk__in={attempt.session_id for attempt in locked.attempts.values()}
    )
    held = sessions.order_by("pk").select_for_update(no_key=True, skip_locked=True)
    return {session.pk: session.last_heartbeat_at for session in held}


def _stop_late(late: QuerySet[Attempt], reason: StopReason, *, now: datetime, limit: int) -> int:
    locked = rows.lock_free(list(late.values_list("pk", flat=True)[:limit]))
    running = [
        attempt for attempt in locked.attempts.values() if attempt.state is AttemptState.RUNNING
    ]
    if not running:
        return 0
    attribution.attribute(attribution.SYSTEM, cause=str(reason))
    moves = [
        AttemptMove(attempt_id=attempt.id, event=AttemptEvent.STOP, stop_reason=reason)
        for attempt in running
    ]
    transitions.move_attempts(moves, now=now)
    transitions.request_stop([attempt.task_id for attempt in running], now=now)
    wakeups.news_for({attempt.agent_id for attempt in running})
    return len(running)


def _give_up(
    lost: Sequence[LockedAttempt],
    tasks: Mapping[UUID, LockedTask],
    *,
    now: datetime,
    grace: timedelta,
) -> None:
    """Move attempts and their tasks to what their policies say of a silent agent."""
    fates = {attempt.id: _fate(attempt, tasks[attempt.task_id]) for attempt in lost}
    transitions.move_attempts(
        [
            AttemptMove(attempt_id=attempt_id, event=event)
            if event is AttemptEvent.UNSURE
            else AttemptMove(attempt_id=attempt_id, event=event, reason=AGENT_LOST, ended_at=now)
            for attempt_id, event in fates.items()
        ],
        now=now,
    )
    unsure = [one for one in lost if fates[one.id] is AttemptEvent.UNSURE]
    transitions.move_tasks(
        [TaskMove(task_id=one.task_id, event=TaskEvent.UNSURE) for one in unsure], now=now
    )
    gone = [_ended(one, now=now) for one in lost if fates[one.id] is AttemptEvent.LOST]
    endings.settle(gone, tasks, now=now, requeue_grace=grace)


def _fate(attempt: LockedAttempt, task: LockedTask) -> AttemptEvent:
    return when_silent(task.facts.disconnect, task.facts.phase, attempt.stop_reason)


def _ended(attempt: LockedAttempt, *, now: datetime) -> EndedAttempt:
    return EndedAttempt(
        attempt_id=attempt.id,
        task_id=attempt.task_id,
        agent_id=attempt.agent_id,
        end=AttemptEnd(state=AttemptState.LOST, stop_reason=attempt.stop_reason, confirmed=False),
        at=now,
    )
