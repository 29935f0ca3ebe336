"""Who is to be told of what, and where?"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError, transaction

from executors.operating import selectors
from executors.operating.core import addresses, notices
from executors.operating.models import Notification, NotificationTarget
from executors.operating.services import writing
from k8s4r import clock
from k8s4r.access.principals import Principal
from k8s4r.audit import attribution
from k8s4r.audit.attribution import Actor
from k8s4r.core.errors import Conflict, FieldProblem, Invalid
from k8s4r.core.networks import Allowed
from k8s4r.core.roles import Permission
from k8s4r.secrets import vault
from k8s4r.secrets.envelope import Place

TABLE: Final = "operating_notificationtarget"
FIELD: Final = "url"


def place(target_id: UUID) -> Place:
    """Return where the address of a target belongs."""
    return Place(TABLE, str(target_id), FIELD)


@transaction.atomic
def create(
    *, url: str, columns: Mapping[str, Any], allowed: Allowed, actor: Actor, now: datetime
) -> NotificationTarget:
    """Make a target; it is told of what happens from now on.

    Raises:
        Invalid: its address is not taken.
        Conflict: the project has a target of this name.
        Unavailable: there is no key to keep the address with.
    """
    attribution.attribute(actor, cause="make_target")
    row = NotificationTarget(
        id=clock.new_id(), looked_until=now, created_at=now, changed_at=now, **columns
    )
    _encrypt(row, url, allowed)
    return _saved(row)


@transaction.atomic
def change(
    target_id: UUID,
    changes: Mapping[str, Any],
    *,
    principal: Principal,
    allowed: Allowed,
    now: datetime,
) -> NotificationTarget:
    """Change what a target is; an address that is left out stays.

    Locks: the target.

    Raises:
        NotFound: there is no such target for the caller.
        Invalid: its new address is not taken.
        Conflict: the project has another target of this name.
    """  # fmt: skip
    row = selectors.target(target_id, principal, Permission.FLEET_WRITE, locked=True)
    attribution.attribute(principal.actor, cause="change_target")
    for name, value in changes.items():
        if name == FIELD:
            _encrypt(row, value, allowed)
        else:
            setattr(row, name, value)
    if changes.get("paused") is False:
        # What happened meanwhile is not told.
        row.looked_until = now
    row.changed_at = now
    return _saved(row)


@transaction.atomic
def delete(target_id: UUID, *, principal: Principal) -> None:
    """End a target, with all that it was told.

    Raises:
        NotFound: there is no such target for the caller.
    """
    row = selectors.target(target_id, principal, Permission.FLEET_WRITE)
    attribution.attribute(principal.actor, cause="delete_target")
    row.delete()


def send_test(target_id: UUID, *, principal: Principal, now: datetime) -> Notification:
    """Put a test message on its way; the worker tries it once.

    Raises:
        NotFound: there is no such target for the caller.
        Conflict: one is on its way already.
    """
    target = selectors.target(target_id, principal, Permission.FLEET_WRITE)
    under_way = {"target": target, "event": notices.Event.TEST, "state": notices.State.WAITING}
    if Notification.objects.filter(**under_way).exists():
        raise Conflict(f"a test of {target.name} is on its way: is a worker running?")
    row = writing.row_of(notices.test(target.name), target.pk, now=now)
    row.save(force_insert=True)
    return row


def retry(notification_id: UUID, *, principal: Principal, now: datetime) -> Notification:
    """Put a message that was given up on its way again, with all its tries.

    Raises:
        NotFound: there is no such message for the caller.
        Conflict: it was not given up.
    """
    row = selectors.notification(notification_id, principal)
    principal.require(Permission.FLEET_WRITE, row.target.project_id)
    rows = Notification.objects.filter(pk=notification_id)
    again = {"state": notices.State.WAITING, "tries": 0, "next_try_at": now, "ended_at": None}
    revived = rows.filter(state=notices.State.DEAD).update(**again)
    row.refresh_from_db()
    if not revived:
        raise Conflict(f"notification {notification_id} is {row.state}")
    return row


def _encrypt(row: NotificationTarget, url: str, allowed: Allowed) -> None:
    objection = addresses.objection(url, allowed)
    if objection is not None:
        problem = FieldProblem("/url", "address", objection)
        raise Invalid(f"url: {objection}", errors=[problem])
    row.encrypted_url = vault.envelope().encrypt(url, place(row.pk))
    row.url_shown = addresses.shown(url)[:253]


def _saved(row: NotificationTarget) -> NotificationTarget:
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        raise Conflict(f"there is a target {row.name} already") from error
    return row
