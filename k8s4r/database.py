"""How is raw SQL run? The one seam for set-based statements."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from django.db import connection

Parameters: TypeAlias = Mapping[str, Any] | Sequence[Any]
Row: TypeAlias = tuple[Any, ...]


def rows(statement: str, parameters: Parameters = ()) -> list[Row]:
    """Run one statement and return what it returns; jsonb arrives as text."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        found: list[Row] = cursor.fetchall()
    return found


def run(statement: str, parameters: Parameters = ()) -> int:
    """Run one statement that returns nothing, and say how many rows it touched."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        touched: int = cursor.rowcount
    return touched
