"""Who works on a cluster now, does it answer, and what is remembered of it?

The only writer of these columns. A lease in the row instead of a lock, since whoever has it waits
for a network. Three calls in a row without an answer open the breaker: one probe a minute then.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db.models import Q, QuerySet

from k8s4r import database
from k8s4r.core.errors import DomainError, Unavailable
from pools.core.absences import OTHER_CLUSTER
from pools.core.sightings import Memory, Plan
from pools.models import K8sConfig, Reach

LEASE: Final = timedelta(seconds=60)
LIST_EVERY: Final = timedelta(seconds=30)
# While pods come, or are out of sight, a list is worth more; that of one that is so for long not.
LIST_RESTLESS: Final = timedelta(seconds=5)
RESTLESS_FOR: Final = timedelta(minutes=5)

BREAKS_AT: Final = 3
PROBE_EVERY: Final = timedelta(minutes=1)
# A refusal (an expired token, a missing role) is an answer, and the next one is the same.
REFUSED_WAIT: Final = timedelta(seconds=30)
ERROR_CHARACTERS: Final = 500

_EXPECT: Final = """
UPDATE pools_reach SET budgets = budgets || (
    SELECT coalesce(jsonb_agg(one), '[]') FROM jsonb_array_elements(%(pools)s::jsonb) one
    WHERE NOT budgets @> one)
WHERE config_id = %(config)s AND NOT budgets @> %(pools)s::jsonb
"""
_FORGET: Final = """
UPDATE pools_reach SET budgets = budgets - %(pools)s::text[] WHERE config_id = %(config)s
"""


@dataclass(frozen=True, slots=True)
class Lease:
    """One worker has the cluster of this config for itself until then.

    ``budgets``: the pools of which a PodDisruptionBudget may be there.
    """

    config_id: UUID
    until: datetime
    failures: int
    observed_at: datetime | None
    alarm: str
    memory: Memory
    budgets: tuple[UUID, ...] = ()

    @property
    def may_act(self) -> bool:
        """May anything be done there? Not in a cluster that is not the one we knew."""
        return not self.alarm.startswith(OTHER_CLUSTER)


def take(config_id: UUID, *, now: datetime) -> Lease | None:
    """Take the cluster for a while, unless somebody has it or its breaker is open.

    One statement decides; a process that dies lets go when its time is over.
    """
    free = Q(leased_until__isnull=True) | Q(leased_until__lte=now)
    closed = Q(retry_at__isnull=True) | Q(retry_at__lte=now)
    # No join: its conditions would be of before the lock, and two could take it.
    in_use = K8sConfig.objects.filter(pk=config_id, active=True, archived_at=None)
    rows = Reach.objects.filter(free, closed, pk__in=in_use.values("pk"))
    if not rows.update(leased_until=now + LEASE):
        return None
    row = Reach.objects.get(pk=config_id)
    memory = Memory(cluster_uid=row.cluster_uid, odd=frozenset(row.missing), since=row.alarmed_at)
    return Lease(
        config_id=config_id,
        until=now + LEASE,
        failures=row.failures,
        observed_at=row.observed_at,
        alarm=row.alarm,
        memory=memory,
        budgets=tuple(UUID(pool) for pool in row.budgets),
    )


def release(lease: Lease) -> None:
    """Let go of the cluster: the next round may begin at once."""
    _held(lease).update(leased_until=None)


def answered(lease: Lease, plan: Plan, *, now: datetime) -> None:
    """Keep what a look at the cluster led to; the breaker closes.

    Nothing is kept by who lost the lease: somebody else looks now, or the config leads elsewhere.
    """
    _held(lease).update(
        cluster_uid=plan.memory.cluster_uid,
        observed_at=now,
        failures=0,
        retry_at=None,
        last_error="",
        alarm=plan.alarm[:ERROR_CHARACTERS],
        alarmed_at=plan.memory.since,
        missing=sorted(plan.memory.odd),
    )


def failed(lease: Lease, error: DomainError, *, now: datetime) -> None:
    """Note that a round could not be done, and when the next may be; let go of the cluster."""
    failures, retry_at = lease.failures, now + REFUSED_WAIT
    if isinstance(error, Unavailable):
        failures += 1
        wait = timedelta(seconds=error.retry_after_s)
        retry_at = now + (PROBE_EVERY if failures >= BREAKS_AT else wait)
    _held(lease).update(
        leased_until=None,
        failures=failures,
        retry_at=retry_at,
        last_error=error.message[:ERROR_CHARACTERS],
    )


def expect_budgets(config_id: UUID, pool_ids: Collection[UUID]) -> None:
    """Remember that PodDisruptionBudgets of these pools may be there from now on."""
    if pool_ids:
        pools = json.dumps(sorted(map(str, pool_ids)))
        database.run(_EXPECT, {"config": config_id, "pools": pools})


def forget_budgets(config_id: UUID, pool_ids: Collection[UUID]) -> None:
    """Remember that the budgets of these pools are not there any more."""
    if pool_ids:
        pools = sorted(map(str, pool_ids))
        database.run(_FORGET, {"config": config_id, "pools": pools})


def _held(lease: Lease) -> QuerySet[Reach]:
    return Reach.objects.filter(pk=lease.config_id, leased_until=lease.until)
