"""Which tasks does a query string or a selector ask for?"""

from collections.abc import Mapping
from typing import Annotated, Final, Literal, TypeAlias
from uuid import UUID

import msgspec
from msgspec import Meta

from executors.core.lifecycle import TaskState
from executors.selectors import TaskFilter
from k8s4r.api import paging, queries
from k8s4r.api.answers import Moment
from k8s4r.api.paging import Asked
from k8s4r.core import ids
from k8s4r.core import labels as label_rules
from k8s4r.core.errors import FieldProblem, Invalid

ALLOWED: Final = (
    "sort", "count", "state", "project", "pool", "owner", "agent", "name", "label", "parent",
    "id_prefix", "created_after", "created_before",
)  # fmt: skip
_TEXTS: Final = ("project", "pool", "owner", "agent", "name")
_STATE: Final = "|".join(TaskState)
# Ids begin with the time of submission.
SORTS: Final[Mapping[str, tuple[str, ...]]] = {"submitted_at": ("id",)}

Reference: TypeAlias = Annotated[str, Meta(max_length=queries.LONGEST, pattern=r"^[^\x00]*$")]


class TaskQuery(paging.CountedQuery):
    """Filters of lists of tasks: ``state`` is one or more, ``label`` may repeat."""

    sort: Literal["submitted_at", "-submitted_at"] | None = None
    state: Annotated[str, Meta(pattern=f"^({_STATE})(,({_STATE}))*$")] | None = None
    project: Annotated[str, Meta(max_length=queries.LONGEST)] | None = None
    pool: Annotated[str, Meta(max_length=queries.LONGEST)] | None = None
    owner: Annotated[str, Meta(max_length=queries.LONGEST)] | None = None
    agent: Annotated[str, Meta(max_length=queries.LONGEST)] | None = None
    name: Annotated[str, Meta(max_length=queries.LONGEST)] | None = None
    label: Annotated[tuple[label_rules.Pair, ...], Meta(max_length=label_rules.MAX_LABELS)] = ()
    parent: UUID | None = None
    id_prefix: Annotated[str, Meta(pattern="^[0-9a-fA-F-]{8,36}$")] | None = None
    created_after: Moment | None = None
    created_before: Moment | None = None


class WatchedTasks(TaskQuery):
    """Also ``watch=1``: changes as server-sent events; ``since`` a cursor of them, or ``now``."""

    watch: paging.Watch | None = None
    since: paging.Since | None = None


class Selector(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which tasks a mass action is about; ``owner`` may be ``me``."""

    state: list[TaskState] = []
    project: Reference = ""
    pool: Reference = ""
    owner: Reference = ""
    agent: Reference = ""
    name: Reference = ""
    labels: dict[str, str] = {}
    created_after: Moment | None = None
    created_before: Moment | None = None


def task_filter(request: Asked) -> TaskFilter:
    """Read the filters of a list of tasks.

    Raises:
        Invalid: a filter is not known, or its value is not of its kind; names each.
    """
    paging.check_parameters(request, ALLOWED)
    asked = request.query_params
    problems: list[FieldProblem] = []
    states = _states(asked.get("state"), problems)
    labels = _labels(asked.getlist("label"), problems)
    id_range = _id_range(asked.get("id_prefix"), problems)
    after = queries.moment(asked.get("created_after"), "created_after", problems)
    before = queries.moment(asked.get("created_before"), "created_before", problems)
    parent_id = queries.identity(asked.get("parent"), "parent", problems)
    texts = {name: queries.short(asked, name, problems) for name in _TEXTS}
    if problems:
        raise paging.refused(problems)
    return TaskFilter(
        states=states,
        labels=labels,
        project=texts["project"],
        pool=texts["pool"],
        owner=texts["owner"],
        agent=texts["agent"],
        name=texts["name"],
        parent_id=parent_id,
        id_range=id_range,
        created_after=after,
        created_before=before,
    )


def selected(selector: Selector) -> TaskFilter:
    """Return a selector as a filter.

    Raises:
        Invalid: it names nothing, which would mean every task there is.
    """
    if selector == Selector():
        problem = FieldProblem("/selector", "required", "name at least one thing to select by")
        raise Invalid("the selector is empty", errors=[problem])
    label_rules.check(selector.labels, at="/selector/labels")
    return TaskFilter(
        states=frozenset(selector.state),
        project=selector.project,
        pool=selector.pool,
        owner=selector.owner,
        agent=selector.agent,
        name=selector.name,
        labels=selector.labels,
        created_after=selector.created_after,
        created_before=selector.created_before,
    )


def _states(text: str | None, problems: list[FieldProblem]) -> frozenset[TaskState]:
    words = [] if text is None else text.split(",")
    known = frozenset(TaskState)
    unknown = [word for word in words if word not in known]
    if unknown:
        problems.append(FieldProblem("?state", "enum", f"no state {unknown[0][:32]!r}"))
        return frozenset()
    return frozenset(TaskState(word) for word in words)


def _labels(items: list[str], problems: list[FieldProblem]) -> dict[str, str]:
    try:
        return label_rules.parse(items, at="?label")
    except Invalid as error:
        problems += error.errors
        return {}


def _id_range(text: str | None, problems: list[FieldProblem]) -> tuple[UUID, UUID] | None:
    if text is None:
        return None
    found = ids.beginning_range(text)
    if found is None:
        problems.append(FieldProblem("?id_prefix", "id", "the first 8 digits of an id, or more"))
    return found
