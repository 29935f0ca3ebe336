"""What are the ids in some events called? Read for a page of them, a query for each kind.

The tables lie in apps above this one: only their names are read, to show them.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final
from uuid import UUID

from django.apps import apps

from k8s4r.audit.models import AuditEvent
from k8s4r.core import ids

# By kind: the model, and the column that people know its rows by.
_NAMED: Final[Mapping[str, tuple[str, str, str]]] = {
    "task": ("executors", "Task", "name"),
    "agent": ("agents", "Agent", "name"),
    "pool": ("pools", "Pool", "name"),
    "project": ("access", "Project", "name"),
    "user": ("access", "User", "username"),
    "token": ("access", "Token", "label"),
}
# Whose rows these events are told with, and what kind an actor of another word is.
_TOLD_WITH: Final[Mapping[str, str]] = {
    "pool_member": "pool",
    "role": "user",
    "user_group": "user",
    "user_permission": "user",
    "enrolment": "token",
}


def look_up(events: Iterable[AuditEvent]) -> None:
    """Let each event know the names of its object and its actor, where there are some."""
    wanted: dict[str, set[UUID]] = defaultdict(set)
    for event in events:
        wanted[_kind(event.object_type)].add(event.object_id)
        actor = ids.as_uuid(event.actor_id)
        if actor is not None:
            wanted[_kind(event.actor_kind)].add(actor)
    known = {identity: name for kind in wanted for identity, name in _names(kind, wanted[kind])}
    for event in events:
        event.known_names = known  # type: ignore[attr-defined]


def of_object(event: AuditEvent) -> str:
    """Return what an event's object is called; empty without `look_up`, or without a name."""
    return str(getattr(event, "known_names", {}).get(event.object_id, ""))


def of_actor(event: AuditEvent) -> str:
    """Return what an event's actor is called, empty likewise."""
    return str(getattr(event, "known_names", {}).get(ids.as_uuid(event.actor_id), ""))


def model(app: str, name: str) -> Any:
    """Return a model of an app above this one."""
    return apps.get_model(app, name)


def _kind(word: str) -> str:
    return _TOLD_WITH.get(word, word)


def _names(kind: str, identities: Iterable[UUID]) -> Iterable[tuple[UUID, str]]:
    if kind not in _NAMED:
        return ()
    app, name, column = _NAMED[kind]
    rows: Iterable[tuple[UUID, str]] = (
        model(app, name).objects.filter(pk__in=list(identities)).values_list("pk", column)
    )
    return rows
