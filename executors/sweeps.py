"""Which periodic job does what? One table for beat's tasks and for the gateways' loops.

Nothing here depends on Celery or Redis: with PostgreSQL and one gateway alone the fleet goes on.
"""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import connection
from django.db.models import Exists, OuterRef

from agents.core.tokens import POD_TOKEN_RENEWED_AFTER
from agents.services import wishes
from executors import conf
from executors.core import schedule
from executors.core.leases import PulseSource
from executors.core.lifecycle import TaskState
from executors.core.schedule import Job
from executors.models import Task
from executors.operating import conf as operating
from executors.operating.services import keeping, noticing, tallying
from executors.services import (
    decisions,
    departures,
    dispatch,
    expiry,
    leftovers,
    pulses,
    reservations,
    retention,
    scaling,
    ticks,
)
from executors.services.dispatch import PassResult
from k8s4r.access.services import tokens
from k8s4r.audit import sealing
from pools.models import Pool
from pools.services import pools

logger = logging.getLogger(__name__)

# A batch that came back full is followed by another at once, this many times at most.
MOST_BATCHES: Final = 20

# Workers go first, so that sweeps cost the gateways nothing while beat and Redis are up.
HEAD_START: Final = timedelta(seconds=1)


def run_due(now: datetime) -> list[str]:
    """Run every job whose last tick nobody has taken; return their names.

    For a gateway's loop: call it every second or so. One that fails is logged and tried again at
    its next tick; the others run.
    """
    return _run_free(schedule.due(now - HEAD_START), now)


def run(jobs: Collection[Job], now: datetime) -> list[str]:
    """Run those of these jobs whose present tick nobody has taken; for beat's tasks."""
    moments = {job: moment for job, moment in schedule.due(now).items() if job in jobs}
    return _run_free(moments, now)


def _run_free(moments: Mapping[Job, datetime], now: datetime) -> list[str]:
    taken = ticks.take(moments, now=now)
    jobs = [job for job in Job if job in taken]
    for job in jobs:
        _run(job, now)
    return [str(job) for job in jobs]


def _run(job: Job, now: datetime) -> None:
    try:
        SWEEPS[job](now)
    except Exception:  # the outermost loop of a sweeper: one job must not stop the others
        logger.exception("sweep_failed", extra={"sweep": str(job)})
        _drop_broken_connection()


def _drop_broken_connection() -> None:
    """Let the next job begin on a new connection when the failure was the connection's."""
    if not connection.in_atomic_block:
        connection.close_if_unusable_or_obsolete()


def _in_batches(sweep: Callable[[int], int]) -> None:
    """Repeat a sweep, which takes the most rows it may handle, while its batches are full."""
    limit = conf.sweep_limit()
    for _ in range(MOST_BATCHES):
        if sweep(limit) < limit:
            return


def _pulse(now: datetime) -> None:
    pulses.beat(PulseSource.SWEEPER, now=now, policy=conf.leases())


def _leases(now: datetime) -> None:
    policy = conf.leases()
    _in_batches(lambda limit: expiry.expire_leases(now=now, limit=limit, policy=policy))


def _run_deadlines(now: datetime) -> None:
    _in_batches(lambda limit: expiry.expire_runs(now=now, limit=limit))


def _silence(now: datetime) -> None:
    policy = conf.leases()
    _in_batches(lambda limit: expiry.expire_silence(now=now, limit=limit, policy=policy))


def _queue_deadlines(now: datetime) -> None:
    _in_batches(lambda limit: expiry.expire_queue(now=now, limit=limit))


def _reservations(now: datetime) -> None:
    _in_batches(lambda limit: reservations.expire(now=now, limit=limit))
    _in_batches(lambda limit: reservations.give_up(now=now, limit=limit))


def _heartbeats(now: datetime) -> None:
    policy = conf.leases()
    _in_batches(lambda limit: expiry.expire_heartbeats(now=now, limit=limit, policy=policy))


def _departures(now: datetime) -> None:
    _in_batches(lambda limit: departures.settle(now=now, limit=limit))


def _delayed(now: datetime) -> None:
    _in_batches(lambda limit: expiry.release_delayed(now=now, limit=limit))


def _pauses(now: datetime) -> None:
    _in_batches(lambda limit: pools.end_pauses(now=now, limit=limit))
    _in_batches(lambda limit: wishes.end_pauses(now=now, limit=limit))
    _in_batches(lambda limit: wishes.end_refusals(now=now, limit=limit))


def _dispatch(now: datetime) -> None:
    """Run passes wherever something waits: the nudges are hints, and some get lost."""
    waiting = Task.objects.filter(
        pool=OuterRef("pk"), state=TaskState.PENDING, run_after__isnull=True
    )
    rows = Pool.objects.filter(Exists(waiting)).order_by("pk")
    for pool_id in list(rows.values_list("pk", flat=True)):
        _pass(pool_id, now)


def _pass(pool_id: UUID, now: datetime) -> None:
    aging_weight_s = conf.aging_weight_s()
    try:
        for _ in range(MOST_BATCHES):
            result = dispatch.run_pass(pool_id, now=now, aging_weight_s=aging_weight_s)
            if not result.more:
                scale_after(result, pool_id, now=now)
                return
    except Exception:  # one pool must not stop the others
        logger.exception("pass_failed", extra={"pool": str(pool_id)})
        _drop_broken_connection()


def scale_after(result: PassResult, pool_id: UUID, *, now: datetime) -> None:
    """Look how many pods a pool needs, because of what a pass left; for all who run passes."""
    scaling.after(
        result,
        pool_id,
        now=now,
        aging_weight_s=conf.aging_weight_s(),
        fingerprint=conf.pod_fingerprint,
    )


def _scaling(now: datetime) -> None:
    """Look at every pool with pods: what passes ask for is a hint, and pods idle without any."""
    for pool_id in scaling.pools_with_pods():
        _look(pool_id, now)


def _look(pool_id: UUID, now: datetime) -> None:
    try:
        scaling.look(
            pool_id,
            now=now,
            aging_weight_s=conf.aging_weight_s(),
            fingerprint=conf.pod_fingerprint,
        )
    except Exception:  # one pool must not stop the others
        logger.exception("scaling_failed", extra={"pool": str(pool_id)})
        _drop_broken_connection()


def _notices(now: datetime) -> None:
    noticing.look(site=operating.site(), now=now)


def _tally(now: datetime) -> None:
    tallying.tally(now=now)


def _pod_tokens(now: datetime) -> None:
    made_before = now - POD_TOKEN_RENEWED_AFTER
    _in_batches(lambda limit: tokens.flag_pods(made_before=made_before, now=now, limit=limit))


def _retention(now: datetime) -> None:
    policy = conf.retention()
    # Nothing goes before it is in the totals, whatever became of the tally's own ticks.
    tallying.tally(now=now)
    _in_batches(
        lambda limit: retention.delete_tasks(
            now=now, limit=limit, policy=policy, remove_files=_remove_files
        )
    )
    _in_batches(lambda limit: retention.delete_bookkeeping(now=now, limit=limit, policy=policy))
    _in_batches(lambda limit: keeping.delete_old(now=now, limit=limit, keep=policy.tasks))
    decisions.forget_old()


def _remove_files(artifact_ids: Sequence[UUID]) -> None:
    for artifact_id in artifact_ids:
        (conf.artifacts_dir() / str(artifact_id)).unlink(missing_ok=True)


def _audit_months(now: datetime) -> None:
    retention.keep_audit_months(now=now, policy=conf.retention())


def _audit_seal(now: datetime) -> None:
    for _ in range(MOST_BATCHES):
        if sealing.seal(now=now) < sealing.MOST_EVENTS:
            break
    pulses.beat(pulses.AUDIT_SEAL, now=now, policy=conf.leases())


def _leftovers(now: datetime) -> None:
    removed = leftovers.remove(conf.artifacts_dir(), now=now)
    if removed:
        logger.info("leftovers_removed", extra={"files": removed})


SWEEPS: Final[Mapping[Job, Callable[[datetime], None]]] = {
    Job.PULSE: _pulse,
    Job.LEASES: _leases,
    Job.RUN_DEADLINES: _run_deadlines,
    Job.SILENCE: _silence,
    Job.QUEUE_DEADLINES: _queue_deadlines,
    Job.RESERVATIONS: _reservations,
    Job.HEARTBEATS: _heartbeats,
    Job.DEPARTURES: _departures,
    Job.DELAYED: _delayed,
    Job.PAUSES: _pauses,
    Job.DISPATCH: _dispatch,
    Job.SCALING: _scaling,
    Job.NOTICES: _notices,
    Job.TALLY: _tally,
    Job.POD_TOKENS: _pod_tokens,
    Job.RETENTION: _retention,
    Job.AUDIT_MONTHS: _audit_months,
    Job.AUDIT_SEAL: _audit_seal,
    Job.LEFTOVERS: _leftovers,
}
