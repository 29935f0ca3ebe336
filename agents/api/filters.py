"""Which agents does a query string ask for?"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Final, Literal, TypeAlias

from django.db.models import Q, QuerySet, Value
from django.db.models.expressions import Combinable
from msgspec import Meta

from agents import selectors
from agents.core.states import STATUS_WORDS, Desired, Observed
from agents.models import Agent, AgentType
from k8s4r.access.principals import Principal
from k8s4r.api import paging, queries
from k8s4r.api.paging import Asked
from k8s4r.core import labels as label_rules
from k8s4r.core.errors import FieldProblem

# The filter and the column it looks at, for any text; for some words, with these.
_TEXTS: Final[Mapping[str, str]] = {"name": "name", "project": "project__name"}
_CHOICES: Final[Mapping[str, tuple[str, Collection[str]]]] = {
    "agent_type": ("type", AgentType.values),
    "desired": ("desired", [str(state) for state in Desired]),
    "observed": ("observed", [str(state) for state in Observed]),
}


SORTS: Final[Mapping[str, tuple[str, ...]]] = {
    "name": ("name", "id"),
    "created_at": ("created_at", "id"),
    "changed_at": ("changed_at", "id"),
}


# Filters by what is not in the rows of agents.
_BEYOND: Final = ("status", "pool")
_WORDS: Final = "|".join(STATUS_WORDS)
Sort: TypeAlias = Literal["name", "-name", "created_at", "-created_at", "changed_at", "-changed_at"]


class AgentQuery(paging.CountedQuery):
    """Filters of the list of agents; ``label`` is ``key=value`` and may repeat."""

    name: Annotated[str, Meta(max_length=queries.LONGEST)] | None = None
    project: Annotated[str, Meta(max_length=queries.LONGEST)] | None = None
    agent_type: AgentType | None = None
    desired: Desired | None = None
    observed: Observed | None = None
    sort: Sort | None = None
    label: Annotated[tuple[label_rules.Pair, ...], Meta(max_length=label_rules.MAX_LABELS)] = ()


class ListedAgents(AgentQuery):
    """Also ``status``, one word or more, and ``pool``, a name or an id: neither can be watched."""

    status: Annotated[str, Meta(pattern=f"^({_WORDS})(,({_WORDS}))*$")] | None = None
    pool: Annotated[str, Meta(max_length=queries.LONGEST)] | None = None


class WatchedAgents(ListedAgents):
    """Also ``watch=1``: changes as server-sent events; ``since`` a cursor of them, or ``now``."""

    watch: paging.Watch | None = None
    since: paging.Since | None = None


def agents(request: Asked, principal: Principal, also: Iterable[str] = ()) -> QuerySet[Agent]:
    """Return the agents that exist for the caller and pass the filters.

    ``also`` are filters that somebody else looks at: without them the others are for a watch, which
    sees changes of agents' rows alone.

    Raises:
        Invalid: a filter is not known, or its value is not of its kind.
    """
    unwatched = [name for name in _BEYOND if name in request.query_params and name not in also]
    if unwatched:
        raise paging.refused(
            [FieldProblem(f"?{name}", "unknown_field", "cannot be watched") for name in unwatched]
        )
    paging.check_parameters(
        request, (*_TEXTS, *_CHOICES, "label", paging.SORT, paging.COUNT, *also)
    )
    rows = selectors.agents(principal)
    for name, column in _TEXTS.items():
        if (text := paging.word(request, name)) is not None:
            rows = rows.filter(**{column: text})
    for name, (column, words) in _CHOICES.items():
        if (text := request.query_params.get(name)) is None:
            continue
        if text not in words:
            detail = f"not one of {', '.join(words)}"
            raise paging.refused([FieldProblem(f"?{name}", "enum", detail)])
        rows = rows.filter(**{column: text})
    wanted = label_rules.parse(request.query_params.getlist("label"), at="?label")
    return rows.filter(labels__contains=wanted) if wanted else rows


def _no_slot_held() -> Combinable:
    return Value(0)


def _in_no_pool(text: str, principal: Principal) -> Q:
    return Q(pk__in=())


@dataclass(frozen=True, slots=True)
class Beyond:
    """Filters of agents by what agents do not know; the routes say how to look at it.

    ``held`` is how many slots of a row's agent have a current attempt, ``in_pool`` the condition
    that an agent is in a pool of this name or id, as far as the caller may know.
    """

    held: Callable[[], Combinable] = _no_slot_held
    in_pool: Callable[[str, Principal], Q] = _in_no_pool

    def agents(self, request: Asked, principal: Principal) -> QuerySet[Agent]:
        """Return the agents that exist for the caller and pass all filters.

        Raises:
            Invalid: a filter is not known, or its value is not of its kind.
        """
        rows = agents(request, principal, also=_BEYOND)
        problems: list[FieldProblem] = []
        words = _status_words(request.query_params.get("status"), problems)
        pool = queries.short(request.query_params, "pool", problems)
        if problems:
            raise paging.refused(problems)
        if words:
            rows = selectors.of_status(selectors.with_idle_slots(rows, self.held()), words)
        return rows.filter(self.in_pool(pool, principal)) if pool else rows


def _status_words(text: str | None, problems: list[FieldProblem]) -> list[str]:
    words = [] if text is None else text.split(",")
    if not set(words) <= set(STATUS_WORDS):
        problems.append(FieldProblem("?status", "enum", f"of {', '.join(STATUS_WORDS)}"))
    return words
