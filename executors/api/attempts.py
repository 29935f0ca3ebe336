"""Attempts over REST, whatever their task: list, read."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from django.db.models import QuerySet
from msgspec import Meta
from rest_framework.request import Request
from rest_framework.response import Response

from executors import selectors, shapes
from executors.api import answers
from executors.core.lifecycle import AttemptState
from executors.models import Attempt
from k8s4r.api import paging
from k8s4r.api.answers import Page
from k8s4r.api.operations import operation
from k8s4r.api.requests import principal_of
from k8s4r.api.views import View
from k8s4r.core import ids
from k8s4r.core.errors import FieldProblem, NotFound
from k8s4r.core.roles import Permission

_SORTS: Final = {"assigned_at": ("id",)}
_STATE: Final = "|".join(AttemptState)


class AttemptQuery(paging.CountedQuery):
    """Filters of the list of attempts: ids, and one state or more.

    Ids grow with time: in their order attempts were assigned.
    """

    task: UUID | None = None
    agent: UUID | None = None
    state: Annotated[str, Meta(pattern=f"^({_STATE})(,({_STATE}))*$")] | None = None
    sort: Literal["assigned_at", "-assigned_at"] | None = None


class AttemptsView(View):
    """``GET attempts``."""

    @operation(
        needs=Permission.TASKS_READ,
        query=AttemptQuery,
        answers={200: Page[answers.Attempt]},
    )
    def get(self, request: Request) -> Response:
        """List attempts, the newest first."""
        paging.check_parameters(request, (*_FILTERS, paging.SORT, paging.COUNT))
        page = paging.page_from(request, ("-id",), _SORTS)
        rows = _filtered(selectors.attempts(principal_of(request)), request)
        answer = paging.answer(request, page, list(paging.rows_of(page, rows)), shapes.attempt)
        return paging.counted(request, answer, rows)


class AttemptView(View):
    """``GET attempts/{id}``."""

    @operation(
        needs=Permission.TASKS_READ,
        answers={200: answers.Attempt},
    )
    def get(self, request: Request, attempt_id: UUID) -> Response:
        """Show an attempt."""
        row = selectors.attempts(principal_of(request)).filter(pk=attempt_id).first()
        if row is None:
            raise NotFound(f"no attempt {attempt_id}")
        return Response(shapes.attempt(row))


def _states(text: str) -> dict[str, Any] | None:
    words = text.split(",")
    return {"state__in": words} if set(words) <= set(AttemptState) else None


def _of(column: str) -> Callable[[str], dict[str, Any] | None]:
    def wanted(text: str) -> dict[str, Any] | None:
        identity = ids.as_uuid(text)
        return None if identity is None else {column: identity}

    return wanted


# The filter, what it takes, and how its text becomes a condition; ``None``: it does not.
_FILTERS: Final[Mapping[str, tuple[str, Callable[[str], dict[str, Any] | None]]]] = {
    "task": ("the id of a task", _of("task_id")),
    "agent": ("the id of an agent", _of("agent_id")),
    "state": (f"of {', '.join(AttemptState)}, with commas between", _states),
}


def _filtered(rows: QuerySet[Attempt], request: Request) -> QuerySet[Attempt]:
    for name, (expected, condition) in _FILTERS.items():
        text = request.query_params.get(name)
        if text is None:
            continue
        found = condition(text)
        if found is None:
            raise paging.refused([FieldProblem(f"?{name}", "enum", expected)])
        rows = rows.filter(**found)
    return rows
