"""Which messages are kept no longer? Those of which nothing is left to do or to wait for."""

from datetime import datetime, timedelta

from django.db.models import Q

from executors.operating.core.notices import Event, Kind, State
from executors.operating.models import Notification

_DONE = (
    Q(over_at__isnull=False) | Q(kind=Kind.RECOVERY) | Q(event__in=[Event.TASK_FAILED, Event.TEST])
)


def delete_old(*, now: datetime, limit: int, keep: timedelta) -> int:
    """Delete a batch of messages that are ended and old; what goes on may be told of again."""
    old = Notification.objects.filter(_DONE, created_at__lte=now - keep).exclude(
        state=State.WAITING
    )
    ids = list(old.order_by("created_at").values_list("pk", flat=True)[:limit])
    deleted, _ = Notification.objects.filter(pk__in=ids).delete()
    return deleted
