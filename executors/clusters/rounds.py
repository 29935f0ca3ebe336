"""How is one cluster brought in line with its rows? In rounds: look, settle, act.

For the worker of the queue `kube` and for `manage.py kube_watch`. Whoever has the lease of a
cluster works on it; everybody else leaves it alone and is not held up by it.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol
from uuid import UUID

from django.db.models import Q

from executors.services import departures
from k8s4r import clock
from k8s4r.core.errors import DomainError
from pools.core.absences import OTHER_CLUSTER
from pools.core.manifests import Platform
from pools.core.ports import ClusterPort, ClusterRefused
from pools.core.sightings import Rules
from pools.models import Reach
from pools.services import acting, budgets, health, reach, reconciling
from pools.services.reach import Lease

logger = logging.getLogger(__name__)

PERIOD: Final = timedelta(seconds=5)
# A nudge that comes while a round ends is not lost: the round is followed by another, so often.
MOST_ROUNDS: Final = 5
SETTLED_AT_ONCE: Final = 500


class Clusters(Protocol):
    """Who opens clusters; the product's own is `opening.OpenedClusters`."""

    def open(self, config_id: UUID) -> ClusterPort:
        """Return the cluster of a config.

        Raises:
            DomainError: it cannot be reached with what the config says.
        """

    def forget(self, config_id: UUID) -> None:
        """Open it anew next time: its address or its account may have changed."""


@dataclass(frozen=True, slots=True)
class Means:
    """What rounds need: clusters, what pods need, when to believe a list, and the time."""

    clusters: Clusters
    platform: Platform
    rules: Rules
    clock: Callable[[], datetime] = clock.now


def due(now: datetime) -> list[UUID]:
    """Return the configs in whose clusters something is to be done now, by id; nobody has them.

    Three statements for any number.
    """
    free = Q(leased_until__isnull=True) | Q(leased_until__lte=now)
    closed = Q(retry_at__isnull=True) | Q(retry_at__lte=now)
    rows = Reach.objects.filter(free, closed, config__active=True, config__archived_at=None)
    looked_at = dict(rows.values_list("pk", "observed_at"))
    return sorted(reconciling.due(looked_at, now=now) | acting.due(looked_at, now=now))


def is_overdue(config_id: UUID, *, now: datetime) -> bool:
    """Has nobody worked on this cluster for two periods, although something was to be done?"""
    before = now - 2 * PERIOD
    seen = Reach.objects.filter(pk=config_id).values_list("observed_at", flat=True).first()
    is_unseen = seen is None or now - seen >= reach.LIST_EVERY + 2 * PERIOD
    return is_unseen or bool(acting.due([config_id], now=before))


def reconcile(config_id: UUID, means: Means, *, look: bool = False) -> bool:
    """Work on one cluster until nothing is due; return whether it was free and answered.

    Args:
        look: list its pods even if they were listed a moment ago.
    """
    is_done = False
    for _ in range(MOST_ROUNDS):
        lease = reach.take(config_id, now=means.clock())
        if lease is None:
            break
        is_done = _attempt(lease, means, look=look)
        if not is_done or not acting.due([config_id], now=means.clock()):
            break
        look = False
    _look_at_health(config_id, means)
    return is_done


def _look_at_health(config_id: UUID, means: Means) -> None:
    now = means.clock()
    if health.claim(config_id, now=now):
        health.check(config_id, lambda: means.clusters.open(config_id), now=now)


def _attempt(lease: Lease, means: Means, *, look: bool) -> bool:
    try:
        _round(lease, means, look=look)
    except DomainError as error:
        reach.failed(lease, error, now=means.clock())
        means.clusters.forget(lease.config_id)
        facts = {"config": str(lease.config_id), "error": error.message}
        logger.warning("cluster_round_failed", extra=facts)
        return False
    reach.release(lease)
    return True


def _round(lease: Lease, means: Means, *, look: bool) -> None:
    port, now = means.clusters.open(lease.config_id), means.clock()
    if (
        look
        or lease.failures
        or not lease.may_act
        or reconciling.due({lease.config_id: lease.observed_at}, now=now)
    ):
        seen = reconciling.run(lease, port, now=now, rules=means.rules)
        if seen.plan.alarm.startswith(OTHER_CLUSTER):
            raise ClusterRefused(seen.plan.alarm)
        if seen.has_departures:
            departures.settle(now=means.clock(), limit=SETTLED_AT_ONCE)
    acting.run(lease.config_id, port, means.platform, clock=means.clock)
    budgets.clear(lease, port)
