"""How is raw SQL run? The one seam for set-based statements."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias
from uuid import UUID

from django.db import connection

Parameters: TypeAlias = Mapping[str, Any] | Sequence[Any]
Row: TypeAlias = tuple[Any, ...]


def rows(statement: str, parameters: Parameters = ()) -> list[Row]:
    """Run one statement and return what it returns; jsonb arrives as text."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        found: list[Row] = cursor.fetchall()
    return found


def ids(values: Iterable[UUID]) -> str:
    """Return ids as a parameter for ``%s::uuid[]``: psycopg takes ten times as long over a list."""
    return f"{{{','.join(map(str, values))}}}"


def parsed(value: Any) -> Any:
    """Return a jsonb value that `rows` brought."""
    return json.loads(value) if isinstance(value, str) else value


def loaded(value: Any) -> dict[str, Any]:
    """Return a jsonb object that `rows` brought; what is none counts as empty."""
    found = parsed(value)
    return found if isinstance(found, dict) else {}


def run(statement: str, parameters: Parameters = ()) -> int:
    """Run one statement that returns nothing, and say how many rows it touched."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        touched: int = cursor.rowcount
    return touched
