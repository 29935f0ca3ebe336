"""Which pods does a query string ask for?"""

from collections.abc import Mapping
from typing import Annotated, Final, Literal, TypeAlias

from django.db.models import Q, QuerySet
from msgspec import Meta

from executors import pods, selectors
from k8s4r.access.principals import Principal
from k8s4r.api import paging, queries
from k8s4r.api.paging import Asked
from k8s4r.core.errors import FieldProblem
from pools.core.pods import PodFailure, PodState
from pools.models import Pod

NEWEST_FIRST: Final = ("-created_at", "-id")
SORTS: Final[Mapping[str, tuple[str, ...]]] = {
    "created_at": ("created_at", "id"),
    "changed_at": ("changed_at", "id"),
    "name": ("name", "id"),
}
_ONE_OF: Final[Mapping[str, frozenset[str]]] = {
    "state": frozenset(map(str, PodState)),
    "failure": frozenset(map(str, PodFailure)) - {""},
}
# What is named by its name or its id, and what only by what stands in its column.
_NAMED: Final = {"pool": "pool", "config": "config", "project": "pool__project"}
_TEXTS: Final = ("node", "name")
_STATES: Final = "|".join(PodState)
_FAILURES: Final = "|".join(code for code in PodFailure if code)
Sort: TypeAlias = Literal["created_at", "-created_at", "changed_at", "-changed_at", "name", "-name"]
Reference: TypeAlias = Annotated[str, Meta(max_length=queries.LONGEST)]


class PoolPods(paging.CountedQuery):
    """Filters of pods: ``state`` and ``failure`` are one or more; without, all but the gone."""

    state: Annotated[str, Meta(pattern=f"^({_STATES})(,({_STATES}))*$")] | None = None
    failure: Annotated[str, Meta(pattern=f"^({_FAILURES})(,({_FAILURES}))*$")] | None = None
    node: Reference | None = None
    name: Reference | None = None
    sort: Sort | None = None


class PodQuery(PoolPods):
    """Also ``pool``, ``config`` and ``project``, each by its name or its id."""

    pool: Reference | None = None
    config: Reference | None = None
    project: Reference | None = None


class WatchedPods(PodQuery):
    """Also ``watch=1``: changes as server-sent events; ``since`` a cursor of them, or ``now``.

    What runs on its slots is no change of a pod; that it is busy, its shield tells.
    """

    watch: paging.Watch | None = None
    since: paging.Since | None = None


def found(request: Asked, principal: Principal) -> QuerySet[Pod]:
    """Return the pods that exist for the caller and pass the filters, in no order.

    Raises:
        Invalid: a filter is not known, or its value is not of its kind; names each.
    """
    return of_pools(request, pods.pods(principal), tuple(_NAMED))


def of_pools(request: Asked, rows: QuerySet[Pod], also: tuple[str, ...] = ()) -> QuerySet[Pod]:
    """Return those of the pods that pass the filters; ``also`` name what else may be asked.

    Raises:
        Invalid: a filter is not known, or its value is not of its kind; names each.
    """
    paging.check_parameters(request, (*_ONE_OF, *_TEXTS, *also, paging.SORT, paging.COUNT))
    problems: list[FieldProblem] = []
    asked = request.query_params
    rows = rows if "state" in asked else rows.exclude(state=PodState.GONE)
    for name, known in _ONE_OF.items():
        words = asked.get(name, "").split(",") if name in asked else []
        if not known.issuperset(words):
            problems.append(FieldProblem(f"?{name}", "enum", f"of {', '.join(sorted(known))}"))
        rows = rows.filter(**{f"{name}__in": words}) if words else rows
    for name in (*_TEXTS, *also):
        text = queries.short(asked, name, problems)
        rows = rows.filter(_condition(name, text)) if text else rows
    if problems:
        raise paging.refused(problems)
    return rows


def _condition(name: str, text: str) -> Q:
    if name in _TEXTS:
        return Q(**{name: text})
    return selectors.named(_NAMED[name], text)
