"""Which messages are due, and what became of each? Between the two lies the call, in the worker.

Taking one gives it a lease: a worker that dies over it loses it to the next, so that a message may
arrive twice, and is never lost.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Final
from uuid import UUID

from django.db import transaction

from executors.operating.core import notices
from executors.operating.core.notices import Event, Severity, State
from executors.operating.models import Notification
from executors.operating.services import targets
from k8s4r.secrets import vault
from k8s4r.secrets.envelope import CannotDecrypt

# Longer than a task of Celery may run.
LEASE: Final = timedelta(seconds=90)


@dataclass(frozen=True, slots=True)
class Parcel:
    """A message to send, with its address in the open: for the process that sends it alone."""

    id: UUID
    url: str
    title: str
    body: str
    severity: Severity


@transaction.atomic
def take(*, now: datetime) -> Parcel | None:
    """Take the message that has been due longest; ``None``: nothing is due.

    Locks: the message, skipping what others hold.

    Raises:
        Unavailable: there is no key to open addresses with.
    """
    due = Notification.objects.filter(state=State.WAITING, next_try_at__lte=now)
    # Its workers died over it, or it would have ended.
    due.filter(tries__gte=notices.MOST_TRIES).update(state=State.DEAD, ended_at=now)
    locked = due.order_by("next_try_at", "pk").select_for_update(of=("self",), skip_locked=True)
    row = locked.select_related("target").first()
    if row is None:
        return None
    row.tries += 1
    row.next_try_at = now + LEASE
    row.save(update_fields=["tries", "next_try_at"])
    try:
        url = vault.envelope().decrypt(row.target.encrypted_url, targets.place(row.target_id))
    except CannotDecrypt as error:
        url = ""
        row.last_error = f"its address cannot be opened: {error}"[:500]
        row.save(update_fields=["last_error"])
    return Parcel(row.pk, url, row.title, row.body, Severity(row.severity))


def delivered(notification_id: UUID, *, now: datetime) -> None:
    """Note that a message arrived."""
    Notification.objects.filter(pk=notification_id, state=State.WAITING).update(
        state=State.DELIVERED, ended_at=now, last_error=""
    )


@transaction.atomic
def failed(notification_id: UUID, why: str, *, random: Random, now: datetime) -> State:
    """Note that a message did not arrive: it is tried again later, or given up.

    Locks: the message.
    """
    row = Notification.objects.select_for_update(of=("self",)).filter(pk=notification_id).first()
    if row is None:
        # Its target was deleted meanwhile.
        return State.DEAD
    most = 1 if row.event == Event.TEST else notices.MOST_TRIES
    wait_s = notices.after_failure(row.tries, random, most=most)
    row.last_error = why[:500]
    if wait_s is None:
        row.state, row.ended_at = State.DEAD, now
    else:
        row.next_try_at = now + timedelta(seconds=wait_s)
    row.save(update_fields=["last_error", "state", "ended_at", "next_try_at"])
    return State(row.state)
