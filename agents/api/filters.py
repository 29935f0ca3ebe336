"""Which agents does a query string ask for?"""

from collections.abc import Collection, Mapping
from typing import Annotated, Final, Literal, TypeAlias

from django.db.models import QuerySet
from msgspec import Meta

from agents import selectors
from agents.core.states import Desired, Observed
from agents.models import Agent, AgentType
from k8s4r.access.principals import Principal
from k8s4r.api import paging
from k8s4r.api.paging import Asked
from k8s4r.core import labels as label_rules
from k8s4r.core.errors import FieldProblem

# The filter, the column it looks at, and the words it takes (none: any text).
_FILTERS: Final[Mapping[str, tuple[str, Collection[str]]]] = {
    "name": ("name", ()),
    "project": ("project__name", ()),
    "agent_type": ("type", AgentType.values),
    "desired": ("desired", [str(state) for state in Desired]),
    "observed": ("observed", [str(state) for state in Observed]),
}


SORTS: Final[Mapping[str, tuple[str, ...]]] = {
    "name": ("name", "id"),
    "created_at": ("created_at", "id"),
    "changed_at": ("changed_at", "id"),
}


Sort: TypeAlias = Literal["name", "-name", "created_at", "-created_at", "changed_at", "-changed_at"]


class AgentQuery(paging.PageQuery):
    """Filters of the list of agents; ``label`` is ``key=value`` and may repeat."""

    name: str | None = None
    project: str | None = None
    agent_type: AgentType | None = None
    desired: Desired | None = None
    observed: Observed | None = None
    sort: Sort | None = None
    label: Annotated[tuple[label_rules.Pair, ...], Meta(max_length=label_rules.MAX_LABELS)] = ()


class WatchedAgents(AgentQuery):
    """Also ``watch=1``: changes as server-sent events; ``since`` a cursor of them, or ``now``."""

    watch: paging.Watch | None = None
    since: paging.Since | None = None


def agents(request: Asked, principal: Principal) -> QuerySet[Agent]:
    """Return the agents that exist for the caller and pass the filters.

    Raises:
        Invalid: a filter is not known, or its value is not of its kind.
    """
    paging.check_parameters(request, (*_FILTERS, "label", paging.SORT))
    rows = selectors.agents(principal)
    for name, (column, words) in _FILTERS.items():
        text = request.query_params.get(name)
        if text is None:
            continue
        if "\x00" in text or (words and text not in words):
            detail = f"not one of {', '.join(words)}" if words else "no NUL"
            raise paging.refused([FieldProblem(f"?{name}", "enum", detail)])
        rows = rows.filter(**{column: text})
    wanted = label_rules.parse(request.query_params.getlist("label"), at="?label")
    return rows.filter(labels__contains=wanted) if wanted else rows
