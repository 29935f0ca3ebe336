"""What does a stream of server-sent events say? See WHATWG HTML, section 9.2.6."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Event:
    """One event; ``id`` is what a client says to go on after it."""

    id: str
    kind: str
    data: str


def events(lines: Iterable[str]) -> Iterator[Event]:
    """Yield each event that is complete; one that was cut by the end of the stream is none."""
    last_id, kind, data = "", "", list[str]()
    for line in lines:
        if not line:
            if data:
                yield Event(last_id, kind or "message", "\n".join(data))
            kind, data = "", []
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            data.append(value)
        elif field == "event":
            kind = value
        elif field == "id" and "\0" not in value:
            last_id = value
