"""How does a test listen to a list that it watches?"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import httpx2

from tests.serving import Served


class Heard(NamedTuple):
    """One event of a stream."""

    id: str
    event: str
    data: dict[str, Any]


class Stream:
    """A watch that is open."""

    def __init__(self, response: httpx2.Response) -> None:
        self.response = response
        self._lines = response.iter_lines()

    def next(self) -> Heard:
        """Return the next event, comments left out."""
        said: dict[str, str] = {}
        for line in self._lines:
            if not line and "data" in said:
                return Heard(said.get("id", ""), said["event"], json.loads(said["data"]))
            name, _, value = line.partition(": ")
            if name in {"id", "event", "data"}:
                said[name] = value
        raise AssertionError("the stream has ended")

    def until(self, event: str) -> list[Heard]:
        """Return the events up to the first of this kind, that one included."""
        found = [self.next()]
        while found[-1].event != event:
            found.append(self.next())
        return found


@contextmanager
def watching(gateway: Served, token: str, query: str, **headers: str) -> Iterator[Stream]:
    with (
        gateway.client(token) as client,
        client.stream("GET", f"/api/v1/{query}", headers=headers) as response,
    ):
        yield Stream(response)
