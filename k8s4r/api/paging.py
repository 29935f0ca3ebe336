"""Which part of a list is asked for, and where does the next one begin?

Pages go by key, not by offset: what is inserted or deleted meanwhile neither repeats nor hides a
row. A cursor holds the keys of the last row and means nothing to callers.
"""

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, Literal, Protocol, TypeAlias, TypeVar
from urllib.parse import urlencode

import msgspec
import orjson
from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet
from django.http import QueryDict
from msgspec import Meta
from rest_framework.request import Request
from rest_framework.response import Response

from k8s4r.api import queries
from k8s4r.core.errors import FieldProblem, Invalid

Row = TypeVar("Row")
M = TypeVar("M", bound=Model)

LIMIT: Final = 50
MOST: Final = 200
OWN: Final = frozenset({"limit", "cursor", "fields"})
SORT: Final = "sort"
COUNT: Final = "count"
# Nobody reads further than this, and counting more than it takes the time of a scan.
MOST_COUNTED: Final = 10_000


class Asked(Protocol):
    """What has a query: a request, or a stand-in for one that did not come through a view."""

    @property
    def query_params(self) -> QueryDict: ...


class PageQuery(msgspec.Struct):
    """What every list may be asked; ``cursor`` is the ``next`` of the page before."""

    limit: Annotated[int, Meta(ge=1, le=MOST)] = LIMIT
    cursor: str | None = None


class CountedQuery(PageQuery):
    """Also ``count=exact``: how many there are in all, up to 10,000."""

    count: Literal["exact"] | None = None


# Beside the filters of lists that can be watched; the gateway reads them.
Watch: TypeAlias = Literal["1"]
Since: TypeAlias = Annotated[str, Meta(pattern="^(now|[0-9]{1,18})$")]


@dataclass(frozen=True, slots=True)
class Page:
    """Which page is asked for; ``keys`` are the columns of the order, ``-`` for descending.

    ``sort`` is the order as it was asked for: a cursor of another order is none of this one.
    """

    keys: tuple[str, ...]
    limit: int = LIMIT
    after: tuple[Any, ...] | None = None
    sort: str = ""


def page_from(
    request: Asked, keys: tuple[str, ...], sorts: Mapping[str, tuple[str, ...]] | None = None
) -> Page:
    """Read ``limit``, ``cursor`` and ``sort``.

    Args:
        request: whose query to read.
        keys: the order when none is asked for; no two rows have the same.
        sorts: the columns of each order that may be asked for, by its name.

    Raises:
        Invalid: one of them is not as it should be.
    """
    asked = request.query_params
    sort = asked.get(SORT, "")
    chosen = _chosen(sort, sorts or {}) if sort else keys
    after = _after(asked.get("cursor"), sort, len(chosen))
    return Page(chosen, _limit(asked.get("limit")), after, sort)


def check_parameters(request: Asked, allowed: Iterable[str] = ()) -> None:
    """Refuse query parameters that this list does not have.

    Raises:
        Invalid: names each; a filter that nobody knows must not return everything.
    """
    unknown = sorted(set(request.query_params) - set(allowed) - OWN)
    if unknown:
        raise refused(
            [FieldProblem(f"?{name}", "unknown_field", "no such filter") for name in unknown]
        )


def word(request: Asked, name: str) -> str | None:
    """Return a text that is looked for, ``None`` when nothing is.

    Raises:
        Invalid: no column can hold it.
    """
    if name not in request.query_params:
        return None
    problems: list[FieldProblem] = []
    text = queries.short(request.query_params, name, problems)
    if problems:
        raise refused(problems)
    return text


def refused(problems: Sequence[FieldProblem]) -> Invalid:
    """Return the refusal of a query."""
    first = problems[0]
    return Invalid(f"{first.pointer}: {first.detail}", errors=problems)


def rows_of(page: Page, rows: QuerySet[M]) -> QuerySet[M]:
    """Return the page's rows and one more, which tells whether there is a next page."""
    ordered = rows.order_by(*page.keys)
    if page.after is not None:
        try:
            ordered = ordered.filter(_behind(page.keys, page.after))
        except (ValidationError, ValueError, TypeError) as error:
            raise _bad_cursor() from error
    return ordered[: page.limit + 1]


def answer(
    request: Request,
    page: Page,
    found: Sequence[Row],
    shape: Callable[[Row], Mapping[str, Any]],
) -> Response:
    """Return ``{"items", "next"}`` and the ``Link`` header (RFC 8288) of the next page."""
    shown = found[: page.limit]
    if len(found) <= page.limit:
        return Response({"items": [shape(row) for row in shown], "next": None})
    cursor = _cursor([page.sort] + [getattr(shown[-1], key.lstrip("-")) for key in page.keys])
    query = {**request.query_params.dict(), "cursor": cursor}
    link = f'<{request.path}?{urlencode(query)}>; rel="next"'
    return Response(
        {"items": [shape(row) for row in shown], "next": cursor}, headers={"Link": link}
    )


def counted(request: Request, response: Response, rows: QuerySet[Any]) -> Response:
    """Add ``count`` to the answer of a list when it was asked for.

    ``{"value", "exact"}``: beyond 10,000 the value stays there and is not exact.

    Raises:
        Invalid: something else than ``exact`` was asked for.
    """
    asked = request.query_params.get(COUNT)
    if asked is None:
        return response
    if asked != "exact":
        raise refused([FieldProblem(f"?{COUNT}", "enum", "exact, or nothing")])
    found = rows.order_by()[: MOST_COUNTED + 1].count()
    response.data["count"] = {"value": min(found, MOST_COUNTED), "exact": found <= MOST_COUNTED}
    return response


def _behind(keys: Sequence[str], after: Sequence[Any]) -> Q:
    """Return the condition "comes after these keys", for any number and direction of keys."""
    behind, equal = Q(), Q()
    for key, value in zip(keys, after, strict=True):
        column = key.lstrip("-")
        step = Q(**{f"{column}__{'lt' if key.startswith('-') else 'gt'}": value})
        behind |= equal & step
        equal &= Q(**{column: value})
    return behind


def _limit(text: str | None) -> int:
    if text is None:
        return LIMIT
    if not (text.isascii() and text.isdigit() and len(text) < 6 and 1 <= int(text) <= MOST):
        raise refused([FieldProblem("?limit", "bounds", f"1 to {MOST}")])
    return int(text)


def _cursor(values: Sequence[Any]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(values)).rstrip(b"=").decode()


def _chosen(sort: str, sorts: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    descending = sort.startswith("-")
    columns = sorts.get(sort.removeprefix("-"))
    if columns is None:
        names = ", ".join(sorts) or "nothing"
        raise refused([FieldProblem(f"?{SORT}", "enum", f"{names}; - before it for descending")])
    return tuple(f"-{column}" for column in columns) if descending else columns


def _after(text: str | None, sort: str, count: int) -> tuple[Any, ...] | None:
    if text is None:
        return None
    try:
        values = orjson.loads(base64.urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4)))
    except (binascii.Error, ValueError) as error:
        raise _bad_cursor() from error
    if not (isinstance(values, list) and len(values) == count + 1 and all(map(_is_key, values))):
        raise _bad_cursor()
    if values[0] != sort:
        raise _bad_cursor()
    return tuple(values[1:])


def _is_key(value: Any) -> bool:
    """Keys are texts and numbers of rows; NUL would not reach the database."""
    return isinstance(value, str | int | datetime) and "\x00" not in str(value)


def _bad_cursor() -> Invalid:
    return refused([FieldProblem("?cursor", "cursor", "not a cursor of this list")])
