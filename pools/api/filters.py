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
Sort: TypeAlias = Literal["name", "-name", "created_at", "-created_at", "changed_at", "-changed_at"]


class PoolQuery(paging.PageQuery):
    """``GET agent-pools``: with ``project``, the name of one, only its own."""

    project: str | None = None
    sort: Sort | None = None


class WatchedPools(PoolQuery):
    """Also ``watch=1``: changes as server-sent events; ``since`` a cursor of them, or ``now``."""

    watch: paging.Watch | None = None
    since: paging.Since | None = None


def pools(request: Asked, principal: Principal) -> QuerySet[Pool]:
    """Return the pools that exist for the caller and pass the filters, by name.

    Raises:
        Invalid: a filter is not known.
    """
    paging.check_parameters(request, ("project", paging.SORT))
    rows = selectors.pools(principal)
    project = request.query_params.get("project")
    return rows if project is None else rows.filter(project__name=project.replace("\x00", ""))
