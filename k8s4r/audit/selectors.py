"""Which events are there? Reads only."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db.models import QuerySet

from k8s4r.audit.models import AuditEvent

NEWEST_FIRST: Final = ("-id",)
# An export reads so many at a time: its memory does not grow with the history.
EXPORT_ROWS: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """Which events are asked for; what is empty or None does not narrow."""

    object_type: str = ""
    object_id: UUID | None = None
    actor_kind: str = ""
    actor_ids: Collection[str] | None = None
    token_id: UUID | None = None
    address: str = ""
    cause: str = ""
    request_id: str = ""
    after: datetime | None = None
    before: datetime | None = None


def events(wanted: EventFilter, *, project_ids: Collection[UUID] | None) -> QuerySet[AuditEvent]:
    """Return the events of these projects, of all of them with None; no order."""
    given = {
        "object_type": wanted.object_type or None,
        "object_id": wanted.object_id,
        "actor_kind": wanted.actor_kind or None,
        "actor_id__in": wanted.actor_ids,
        "token_id": wanted.token_id,
        "address": wanted.address or None,
        "cause": wanted.cause or None,
        "request_id": wanted.request_id or None,
        "at__gte": wanted.after,
        "at__lt": wanted.before,
        "project_id__in": project_ids,
    }
    return AuditEvent.objects.filter(
        **{column: value for column, value in given.items() if value is not None}
    )


def in_order(rows: QuerySet[AuditEvent]) -> Iterator[AuditEvent]:
    """Yield events from the oldest to what was the newest at the first look.

    In short reads: no transaction stays open, however slowly the reader takes them.
    """
    ordered = rows.order_by("id")
    newest = rows.order_by("-id").values_list("id", flat=True).first()
    last = 0
    while newest is not None and last < newest:
        page = list(ordered.filter(id__gt=last, id__lte=newest)[:EXPORT_ROWS])
        yield from page
        if len(page) < EXPORT_ROWS:
            return
        last = page[-1].pk
