"""What do server-sent events say (WHATWG HTML, 9.2)? By kind of event, what its data is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from k8s4r.api.answers import Page, Problem, Shape
from k8s4r.api.operations import JSON, Media

EVENT_STREAM: Final = "text/event-stream"


class Gone(Shape, frozen=True):
    """A thing that is no longer in the list that is watched."""

    id: UUID


class Bookmark(Shape, frozen=True):
    """Up to here everything was told; ``cursor`` is what ``since`` takes to go on."""

    cursor: str


@dataclass(frozen=True, slots=True)
class Events:
    """A stream: its name in the document, the type of the data by kind of event.

    Those in ``placed`` carry an ``id`` to go on after, by `Last-Event-ID`.
    """

    name: str
    kinds: Mapping[str, Any]
    placed: frozenset[str]

    def schema(self, data: Mapping[Any, Any]) -> dict[str, Any]:
        """Return an event as JSON Schema; ``data`` has the schema of each type.

        In the form that OpenAPI 3.2 gives to server-sent events (`itemSchema`).
        """
        return {
            "title": self.name,
            "description": "One server-sent event; its data is JSON.",
            "oneOf": [self._kind(kind, data[of]) for kind, of in self.kinds.items()],
        }

    def _kind(self, kind: str, data: Any) -> dict[str, Any]:
        encoded = {"type": "string", "contentMediaType": JSON, "contentSchema": data}
        placed = {"id": {"type": "string"}} if kind in self.placed else {}
        properties = {**placed, "event": {"const": kind}, "data": encoded}
        return {"type": "object", "required": [*properties], "properties": properties}


def watched(item: type[Shape]) -> Media:
    """Return the content of a list that can be watched: its page, or how it changes."""
    kinds = {"added": item, "modified": item, "deleted": Gone, "bookmark": Bookmark}
    changes = Events(
        f"{item.__name__}Event", {**kinds, "error": Problem}, placed=frozenset({"bookmark"})
    )
    return Media({JSON: Page[item], EVENT_STREAM: changes})  # type: ignore[valid-type]
