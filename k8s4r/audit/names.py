"""What are the ids in some events called? Looked up for a page of them, a query for each kind.

The tables lie in apps above this one: only their names are read, to show them.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final
from uuid import UUID

from django.apps import apps

from k8s4r.audit.models import AuditEvent
from k8s4r.core import ids

# By kind: the model, and the columns that people know its rows by, the first that says something.
_NAMED: Final[Mapping[str, tuple[str, str, tuple[str, ...]]]] = {
    "task": ("executors", "Task", ("name",)),
    "agent": ("agents", "Agent", ("name",)),
    "pool": ("pools", "Pool", ("name",)),
    "pod": ("pools", "Pod", ("name",)),
    "k8s_config": ("pools", "K8sConfig", ("name",)),
    "project": ("access", "Project", ("name",)),
    "user": ("access", "User", ("username",)),
    "token": ("access", "Token", ("label", "key_id")),
}
# Whose rows these events are told with, and of what kind an actor of another word is.
_TOLD_WITH: Final[Mapping[str, str]] = {
    "log": "task",
    "artifact": "task",
    "pool_member": "pool",
    "role": "user",
    "user_group": "user",
    "user_permission": "user",
    "enrolment": "token",
}
# Columns that hold ids of other rows, in a text, a list or as keys, and of what kind those are.
_HELD: Final[Mapping[str, str]] = {
    "shared_with": "project",
    "weights": "project",
    "project_id": "project",
    "pool_id": "pool",
    "k8s_config_id": "k8s_config",
}


class Names:
    """The names behind the ids of some events; empty texts where there is none."""

    def __init__(self, events: Iterable[AuditEvent] = ()) -> None:
        wanted: dict[str, set[UUID]] = defaultdict(set)
        for event in events:
            wanted[_kind(event.object_type)].add(event.object_id)
            wanted[_kind(event.actor_kind)] |= _ids(event.actor_id)
            wanted["token"] |= {event.token_id} if event.token_id else set()
            wanted["agent"] |= _ids(member(event))
            for column, kind in _HELD.items():
                wanted[kind] |= _held(_changes(event).get(column, ()))
        self._known: dict[UUID, str] = {}
        for kind, identities in wanted.items():
            self._known |= _read(kind, identities)

    def of_object(self, event: AuditEvent) -> str:
        """Return what an event's object is called."""
        return self._known.get(event.object_id, "")

    def of_actor(self, event: AuditEvent) -> str:
        """Return what who acted is called."""
        return self.of(event.actor_id)

    def of_token(self, event: AuditEvent) -> str:
        """Return what the token that a change came with is called."""
        return self._known.get(event.token_id, "") if event.token_id else ""

    def of(self, text: str) -> str:
        """Return what an id among those of the events is called."""
        identity = ids.as_uuid(text)
        return self._known.get(identity, "") if identity else ""

    def changes(self, event: AuditEvent) -> Mapping[str, Any]:
        """Return what changed, with names for the ids of what still has one."""
        return {
            column: [self._with_names(value) for value in values] if column in _HELD else values
            for column, values in _changes(event).items()
        }

    def _with_names(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {self.of(key) or key: each for key, each in value.items()}
        if isinstance(value, list):
            return [self.of(each) or each for each in value]
        return (self.of(value) or value) if isinstance(value, str) else value


def member(event: AuditEvent) -> str:
    """Return the id of the agent that came into a pool or left it, empty for any other event."""
    if event.object_type != "pool_member":
        return ""
    before, after = _changes(event).get("agent_id", (None, None))
    return str(after or before or "")


def model(app: str, name: str) -> Any:
    """Return a model of an app above this one."""
    return apps.get_model(app, name)


def _changes(event: AuditEvent) -> Mapping[str, Any]:
    found: Mapping[str, Any] = event.detail.get("changes") or {}
    return found


def _held(values: Iterable[Any]) -> set[UUID]:
    """Return the ids in the old and the new value of a column."""
    texts = [text for each in values for text in ([each] if isinstance(each, str) else each or ())]
    return set().union(*map(_ids, texts)) if texts else set()


def _kind(word: str) -> str:
    return _TOLD_WITH.get(word, word)


def _ids(text: str) -> set[UUID]:
    found = ids.as_uuid(text)
    return {found} if found else set()


def _read(kind: str, identities: Iterable[UUID]) -> dict[UUID, str]:
    """Return the names of one kind; no query for none."""
    wanted = list(identities)
    if kind not in _NAMED or not wanted:
        return {}
    app, name, columns = _NAMED[kind]
    rows = model(app, name).objects.filter(pk__in=wanted).values_list("pk", *columns)
    return {pk: next(filter(None, said), "") for pk, *said in rows}
