"""Which pools does a query string ask for?"""

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from django.db.models import QuerySet

from k8s4r.access.principals import Principal
from k8s4r.api import paging
from k8s4r.api.paging import Asked
from pools import selectors
from pools.models import Pool

SORTS: Final[Mapping[str, tuple[str, ...]]] = {
    "name": ("name", "id"),
    "created_at": ("created_at", "id"),
    "changed_at": ("changed_at", "id"),
}
_FILTERS: Final = {"project": "project__name", "name": "name"}
Sort: TypeAlias = Literal["name", "-name", "created_at", "-created_at", "changed_at", "-changed_at"]


class PoolQuery(paging.CountedQuery):
    """``GET agent-pools``: with ``project``, the name of one, only its own; or by ``name``."""

    project: str | None = None
    name: str | None = None
    sort: Sort | None = None


class WatchedPools(PoolQuery):
    """Also ``watch=1``: changes as server-sent events; ``since`` a cursor of them, or ``now``."""

    watch: paging.Watch | None = None
    since: paging.Since | None = None


def pools(request: Asked, principal: Principal) -> QuerySet[Pool]:
    """Return the pools that exist for the caller and pass the filters, by name.

    Raises:
        Invalid: a filter is not known, or its value is no text.
    """
    paging.check_parameters(request, (*_FILTERS, paging.SORT, paging.COUNT))
    rows = selectors.pools(principal)
    for name, column in _FILTERS.items():
        text = paging.word(request, name)
        if text is not None:
            rows = rows.filter(**{column: text})
    return rows
