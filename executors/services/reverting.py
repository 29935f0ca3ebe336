"""How is a change of settings taken back? By the service that made it, with all its checks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import transaction

from agents.models import Agent
from agents.services import editing
from k8s4r.access.models import Project
from k8s4r.access.principals import Principal
from k8s4r.access.services import projects
from k8s4r.audit.models import AuditEvent
from k8s4r.core.errors import Conflict, FieldProblem, Invalid, NotFound
from pools.models import Pool
from pools.services import pools

CAUSE: Final = "reverted"
_MODELS: Final[Mapping[str, type[Pool | Agent | Project]]] = {
    "pool": Pool,
    "agent": Agent,
    "project": Project,
}
# Facts and fates, which no settings form has either.
_NO_SETTINGS: Final = frozenset(
    {
        *("project_id", "archived_at", "observed", "observed_reason", "capabilities", "type"),
        *("desired", "desired_note", "desired_until"),
        *("not_now_reason", "not_now_since", "not_now_until"),
        *("paused_until", "open_until"),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Revert:
    """Which change is to be taken back; ``force`` also where somebody changed the same again."""

    kind: str
    object_id: UUID
    event_id: int
    force: bool = False


def settings(event: AuditEvent) -> dict[str, tuple[Any, Any]]:
    """Return what a change of settings replaced by what; nothing for any other event."""
    if event.object_type not in _MODELS or not event.from_state or event.to_state == "deleted":
        return {}
    changes: Mapping[str, Any] = event.detail.get("changes") or {}
    return {
        column: (before, after)
        for column, (before, after) in changes.items()
        if column not in _NO_SETTINGS or (column == "type" and event.object_type == "pool")
    }


@dataclass(frozen=True, slots=True)
class Plan:
    """What putting back would change to what; ``newer`` changed the same again since, if any."""

    changes: Mapping[str, tuple[Any, Any]]
    newer: AuditEvent | None


def plan(wanted: Revert) -> Plan:
    """Return what `revert` would do now.

    Raises:
        NotFound: no such event of this object, or the object is gone.
        Invalid: the event changed no settings.
    """
    event, replaced = _replaced(wanted)
    row = _MODELS[wanted.kind].objects.filter(pk=wanted.object_id).first()
    return Plan(_changes(_present(row, wanted), replaced), _newer(event, replaced))


@transaction.atomic
def revert(wanted: Revert, *, principal: Principal, now: datetime) -> dict[str, tuple[Any, Any]]:
    """Put back the values that an event replaced; return what changed to what.

    Locks: the object.

    Raises:
        NotFound: no such event of this object, or the object is gone.
        Invalid: the event changed no settings.
        Conflict: somebody changed the same since, or the service refuses.
    """
    event, replaced = _replaced(wanted)
    row = _lock(wanted)
    if not wanted.force:
        _check_untouched(event, replaced)
    changes = _changes(row, replaced)
    if changes:
        values = {column: value for column, (_, value) in changes.items()}
        _WRITERS[wanted.kind](wanted.object_id, values, principal, now)
    return changes


def _replaced(wanted: Revert) -> tuple[AuditEvent, dict[str, tuple[Any, Any]]]:
    event = _event(wanted)
    replaced = settings(event)
    if not replaced:
        detail = f"event {event.pk} changed no setting that can be put back"
        raise Invalid(detail, errors=[FieldProblem("/event", "revertible", detail)])
    return event, replaced


def _changes(
    row: Pool | Agent | Project, replaced: Mapping[str, tuple[Any, Any]]
) -> dict[str, tuple[Any, Any]]:
    """Return by column what stands there and what comes back, where these differ."""
    present = {column: getattr(row, column) for column in replaced}
    return {
        column: (present[column], before)
        for column, (before, _) in replaced.items()
        if present[column] != before
    }


def _event(wanted: Revert) -> AuditEvent:
    events = AuditEvent.objects.filter(pk=wanted.event_id, object_id=wanted.object_id)
    found = events.filter(object_type=wanted.kind).first()
    if found is None:
        raise NotFound(f"no event {wanted.event_id} of this {wanted.kind}")
    return found


def _lock(wanted: Revert) -> Pool | Agent | Project:
    rows: Any = _MODELS[wanted.kind].objects.select_for_update(of=("self",), no_key=True)
    return _present(rows.filter(pk=wanted.object_id).first(), wanted)


def _present(row: Pool | Agent | Project | None, wanted: Revert) -> Pool | Agent | Project:
    if row is None or getattr(row, "archived_at", None) is not None:
        raise NotFound(f"this {wanted.kind} is gone: nothing can be put back")
    return row


def _check_untouched(event: AuditEvent, replaced: Mapping[str, Any]) -> None:
    newest = _newer(event, replaced)
    if newest is not None:
        columns = ", ".join(sorted(replaced.keys() & newest.detail["changes"].keys()))
        raise Conflict(
            f"{columns} changed again since, in event {newest.pk}:"
            " revert that one first, or force this one"
        )


def _newer(event: AuditEvent, replaced: Mapping[str, Any]) -> AuditEvent | None:
    """Return the last event that changed the same again, if one did."""
    later = AuditEvent.objects.filter(
        object_id=event.object_id,
        object_type=event.object_type,
        pk__gt=event.pk,
        detail__changes__has_any_keys=list(replaced),
    )
    return later.order_by("-id").first()


def _pool(pool_id: UUID, changes: Mapping[str, Any], principal: Principal, now: datetime) -> None:
    pools.change(pool_id, changes, principal=principal, now=now, cause=CAUSE)


def _agent(agent_id: UUID, changes: Mapping[str, Any], principal: Principal, now: datetime) -> None:
    editing.change(agent_id, changes, actor=principal.actor, now=now, cause=CAUSE)


def _project(
    project_id: UUID, changes: Mapping[str, Any], principal: Principal, now: datetime
) -> None:
    projects.change(project_id, changes, actor=principal.actor, cause=CAUSE)


_WRITERS: Final[Mapping[str, Callable[[UUID, Mapping[str, Any], Principal, datetime], None]]] = {
    "pool": _pool,
    "agent": _agent,
    "project": _project,
}
