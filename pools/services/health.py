"""Is the cluster of a config well? Asked through the port, outside transactions, and kept."""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from k8s4r.core.errors import DomainError
from pools.core import health
from pools.core.health import NEEDED, Report, Step
from pools.core.ports import ClusterPort, ClusterRefused, ClusterUnreachable
from pools.models import K8sConfig, Reach

logger = logging.getLogger(__name__)

EVERY: Final = timedelta(minutes=10)
MOST_OF_AN_ERROR: Final = 500


def claim(config_id: UUID, *, now: datetime) -> bool:
    """Take the next look at this cluster if it is time for one: of many, one statement takes it.

    Needs no lease: whether a cluster answers is of interest while nobody may work on it. A look
    that is taken and not done, because its process died, is made up for by the next.
    """
    old = Q(checked_at__isnull=True) | Q(checked_at__lte=now - EVERY)
    return bool(Reach.objects.filter(old, pk=config_id).update(checked_at=now))


def check(config_id: UUID, opened: Callable[[], ClusterPort], *, now: datetime) -> Report:
    """Look at a cluster and keep what it told; never raises for what is wrong with it.

    Its port is opened here: that may fail as well.
    """
    return check_in(config_id, lambda: nullcontext(opened()), now=now)


def check_in(
    config_id: UUID, opened: Callable[[], AbstractContextManager[ClusterPort]], *, now: datetime
) -> Report:
    """Look at a cluster through a port that is opened here, and closed again."""
    row = K8sConfig.objects.get(pk=config_id)
    pinned = Reach.objects.values_list("cluster_uid", flat=True).get(config=row)
    report = _look(row, opened, pinned, now=now)
    _keep(row, report, now=now)
    return report


def _look(
    row: K8sConfig,
    opened: Callable[[], AbstractContextManager[ClusterPort]],
    pinned: str,
    *,
    now: datetime,
) -> Report:
    expiry = health.expiry(row.credential_expires_at, now=now)
    try:
        with opened() as port:
            uid, version = _uid(port), port.version()
            allowed = port.allowed(NEEDED)
    except DomainError as error:
        return Report(steps=(_unreached(error), expiry), expires_at=row.credential_expires_at)
    steps = (
        Step(name="reach", ok=True, detail=f"{row.server} answers as {version or 'a cluster'}"),
        expiry,
        *((health.identity(uid, pinned),) if uid else ()),
        *health.permissions(allowed),
    )
    return Report(steps=steps, uid=uid, version=version, expires_at=row.credential_expires_at)


def _uid(port: ClusterPort) -> str:
    """Return the cluster's uid; empty where the account may not read it: a verb will say so."""
    try:
        return port.cluster_uid()
    except ClusterRefused as error:
        if error.facts.get("http_status") == 403:
            return ""
        raise


def _unreached(error: DomainError) -> Step:
    if isinstance(error, ClusterUnreachable):
        advice = "is the address right, is the way open, is the certificate of this authority?"
    elif isinstance(error, ClusterRefused):
        advice = "does the credential belong to this cluster, and is it still good?"
    else:
        advice = "see the message"
    return Step(name="reach", ok=False, detail=error.message[:MOST_OF_AN_ERROR], advice=advice)


@transaction.atomic
def _keep(row: K8sConfig, report: Report, *, now: datetime) -> None:
    """Keep a report; the first uid that a cluster has is pinned.

    Not of a config that changed meanwhile: what was looked at may be another cluster.

    Locks: the config's reach.
    """
    reach = Reach.objects.select_for_update(of=("self",), no_key=True).get(config=row)
    if not K8sConfig.objects.filter(pk=row.pk, changed_at=row.changed_at).exists():
        return
    if reach.healthy is not report.healthy:
        event = "cluster_healthy" if report.healthy else "cluster_not_healthy"
        level = logging.INFO if report.healthy else logging.WARNING
        logger.log(level, event, extra={"config": row.name, "detail": report.failure})
    reach.checked_at, reach.healthy, reach.report = now, report.healthy, report.stored()
    reach.cluster_uid = reach.cluster_uid or report.uid
    reach.save(update_fields=["checked_at", "healthy", "report", "cluster_uid"])
