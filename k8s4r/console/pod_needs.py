"""Which pods, pools of pods and clusters does the overview tell of?"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Count, Min, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse

from executors import pods
from executors.pods import LaneCount
from k8s4r.access.pages import principal_of, within
from k8s4r.console.needs import Need
from k8s4r.core.roles import Permission
from k8s4r.pages import chip, span
from pools.core import failures
from pools.core.pods import PodState
from pools.models import Pod, Pool, Reach

# A cluster is listed every 30 s: one that was not seen for so long is silent.
SILENT: Final = timedelta(minutes=3)
_MOST: Final = 5
_MOST_POOLS: Final = 8


def live(request: HttpRequest) -> QuerySet[Pod]:
    """Return the pods of this person's own pools that are not gone."""
    pools = within(request, Permission.FLEET_READ, Pool.objects.all())
    rows = Pod.objects.filter(pool__in=pools.order_by().values("pk"))
    return rows.exclude(state=PodState.GONE).order_by()


def facts(request: HttpRequest) -> dict[str, Any]:
    """Return pods by state, and the slots of each pool; three queries, one without pods."""
    rows, listed = live(request), reverse("admin:pools_pod_changelist")
    counts = pods.by_state(rows)
    return {
        "pods": [
            {"chip": chip(state), "number": counts[state], "link": f"{listed}?state={state}"}
            for state in PodState
            if counts.get(state)
        ],
        "pod_pools": _pools(request) if counts else [],
        "pods_link": listed,
    }


def troubles(request: HttpRequest, now: datetime) -> Iterator[Need]:
    """Yield what of pods and clusters needs a person; two queries."""
    yield from _clusters(request, now)
    yield from _failing(request, now)


def _pools(request: HttpRequest) -> list[dict[str, Any]]:
    """Return pools by name with how many of their pods' slots are in use."""
    found = pods.by_pool(principal_of(request).projects(Permission.FLEET_READ))
    names = Pool.objects.filter(pk__in=list(found)).order_by("name")[:_MOST_POOLS]
    return [_slots(pool, found[pool.pk]) for pool in names]


def _slots(pool: Pool, counted: LaneCount) -> dict[str, Any]:
    percent = min(100, round(100 * counted.used / (counted.total or 1)))
    return {"pool": pool, "used": counted.used, "total": counted.total, "percent": percent}


def _failing(request: HttpRequest, now: datetime) -> Iterator[Need]:
    failing = live(request).exclude(failure="")
    groups = failing.values_list("pool", "pool__name", "failure").annotate(
        number=Count("pk"), oldest=Min("changed_at")
    )
    for pool_id, name, failure, number, oldest in groups.order_by("oldest")[:_MOST]:
        words = f"{number} pod{'s' if number > 1 else ''} of pool {name}"
        yield Need(
            chip("failed"),
            f"{words}: {failure.replace('_', ' ')} for {span((now - oldest).total_seconds())}",
            failures.advice(failure),
            reverse("admin:pools_pool_change", args=[pool_id]),
        )


def _clusters(request: HttpRequest, now: datetime) -> Iterator[Need]:
    """Tell of clusters with an alarm, and of those that are not heard though they are needed."""
    rows = Reach.objects.filter(config__archived_at=None, config__active=True)
    silent = Q(observed_at__lt=now - SILENT) | Q(failures__gt=0, observed_at=None)
    allowed = principal_of(request).projects(Permission.FLEET_READ)
    seen = rows if allowed is None else rows.filter(config__project_id__in=allowed)
    for reach in seen.filter(~Q(alarm="") | silent).select_related("config").order_by("pk")[:_MOST]:
        name = reach.config.name
        page = reverse("admin:pools_k8sconfig_change", args=[reach.config_id])
        if reach.alarm:
            yield Need(chip("error"), f"cluster {name}", reach.alarm, page)
        else:
            heard = reach.observed_at and span((now - reach.observed_at).total_seconds())
            why = reach.last_error or "nobody has looked at it"
            what = f"cluster {name} is silent for {heard}" if heard else f"cluster {name} is silent"
            yield Need(chip("offline"), what, why, page)
