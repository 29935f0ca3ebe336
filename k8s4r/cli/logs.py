"""What did a task write, and what does it write now? From any place, no loss, no repeat."""

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from k8s4r.cli import sse
from k8s4r.cli.client import Client, Waiter
from k8s4r.cli.errors import CliError, Refused
from k8s4r.cli.patience import Patience

_START: Final = "0.0"


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of output of one attempt."""

    attempt: int
    stream: str
    at: str
    data: bytes


@dataclass(frozen=True, slots=True)
class News:
    """How the task stands now; ``is_end``: nothing will follow."""

    facts: Mapping[str, Any]
    is_end: bool

    @property
    def state(self) -> str:
        return str(self.facts["state"])


class LogReader:
    """The log of one task, with the place up to which it was read."""

    def __init__(  # noqa: PLR0913 - all of what may be asked for
        self,
        client: Client,
        task_id: str,
        *,
        attempt: int | None = None,
        since: datetime | None = None,
        say: Callable[[str], None] = lambda _: None,
        wait: Waiter | None = None,
    ) -> None:
        """Start at the beginning; ``attempt``: of this one only; ``since``: nothing older.

        ``say`` is told when the server stays away, ``wait`` pauses between tries.
        """
        self._client = client
        self._path = f"/api/v1/tasks/{task_id}/logs"
        self._query: dict[str, str | int] = {} if attempt is None else {"attempt": attempt}
        self._since = since
        self._patience = Patience(say, wait)
        self._after = _START

    def written(self) -> Iterator[Chunk | News]:
        """Yield what there is by now, and last how the task stood before the last page."""
        while True:
            page = self._client.get(self._path, {**self._query, "after": self._after})
            for item in page["items"]:
                if self._is_wanted(chunk := _chunk(item)):
                    yield chunk
            self._after = page["cursor"]
            if page["next"] is None:
                yield News(page["task"], is_end=bool(page["task"]["final"]))
                return

    def follow(self) -> Iterator[Chunk | News]:
        """Yield everything until the task has ended, however often the server goes away.

        Raises:
            CliError: the server refuses, or has been away for too long.
        """
        while True:
            try:
                for found in self._stream():
                    yield found
                    if isinstance(found, News) and found.is_end:
                        return
                # The server ended the stream and not the task: it restarts, or was told to.
                self._patience.breathe()
            except CliError as error:
                self._patience.bear(error)

    def _stream(self) -> Iterator[Chunk | News]:
        """Yield from one connection; the place moves only after its chunk was taken."""
        headers = {"Accept": "text/event-stream", "Last-Event-ID": self._after}
        query = {**self._query, "follow": 1}
        with self._client.stream(self._path, query, headers) as answer:
            for event in sse.events(answer.iter_lines()):
                self._patience.heard()
                if event.kind == "error":
                    problem = json.loads(event.data)
                    raise Refused(int(problem.get("status", 503)), problem)
                found = _found(event)
                if isinstance(found, News) or self._is_wanted(found):
                    yield found
                if event.kind == "log":
                    self._after = event.id

    def _is_wanted(self, chunk: Chunk) -> bool:
        return self._since is None or datetime.fromisoformat(chunk.at) >= self._since


def _found(event: sse.Event) -> Chunk | News:
    facts = json.loads(event.data)
    if event.kind == "log":
        return _chunk(facts)
    return News(facts, is_end=event.kind == "end")


def _chunk(facts: Mapping[str, Any]) -> Chunk:
    return Chunk(facts["attempt"], facts["stream"], facts["at"], base64.b64decode(facts["data"]))
