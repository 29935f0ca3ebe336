"""How does a message become a row?"""

from datetime import datetime
from uuid import UUID

from executors.operating.core.notices import Message
from executors.operating.models import Notification
from k8s4r import clock

TITLE_CHARACTERS = 300


def row_of(message: Message, target_id: UUID, *, now: datetime) -> Notification:
    """Return the row of a message that is to go at once."""
    return Notification(
        id=clock.new_id(),
        target_id=target_id,
        event=message.event,
        kind=message.kind,
        severity=message.severity,
        subject=message.subject,
        title=message.title[:TITLE_CHARACTERS],
        body=message.body,
        next_try_at=now,
        created_at=now,
    )
