"""How many rows belong to each row of a list? As a column, so that a list stays one query."""

from typing import Any

from django.db.models import Count, QuerySet, Subquery
from django.db.models.functions import Coalesce


def counted(rows: QuerySet[Any], by: str) -> Coalesce:
    """Return how many of these rows there are, as a column; nothing is 0."""
    numbers = rows.order_by().values(by).annotate(number=Count("pk")).values("number")
    return Coalesce(Subquery(numbers), 0)
