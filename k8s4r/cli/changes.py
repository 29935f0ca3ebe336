"""What changes in a list from now on? From the server's stream of changes, however often it breaks.

Nothing falls between a list and its stream: the stream is opened first, and its first event says
that it is; whoever reads the list then misses nothing.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from k8s4r.cli import sse
from k8s4r.cli.client import Client
from k8s4r.cli.errors import CliError, Refused
from k8s4r.cli.output import Row
from k8s4r.cli.patience import Patience

_NOW: Final = "now"
_GONE: Final = 410


@dataclass(frozen=True, slots=True)
class Changed:
    """A thing as it is now, or that it is gone."""

    row: Row
    is_gone: bool = False


class Begun:
    """The stream begins anew: read the list, what follows is told."""


BEGUN: Final = Begun()


class Changes:
    """The changes of one list that a query narrows."""

    def __init__(
        self, client: Client, path: str, query: Mapping[str, Any], patience: Patience
    ) -> None:
        self._client = client
        self._path = path
        self._query = query
        self._patience = patience
        self._cursor = _NOW

    def follow(self) -> Iterator[Changed | Begun]:
        """Yield changes without end; `BEGUN` first, and when some were missed.

        Raises:
            CliError: the server refuses, or has been away for too long.
        """
        while True:
            try:
                yield from self._stream()
                self._patience.breathe()
            except CliError as error:
                if isinstance(error, Refused) and error.status == _GONE:
                    self._cursor = _NOW
                    continue
                self._patience.bear(error)

    def _stream(self) -> Iterator[Changed | Begun]:
        """Yield from one connection; the place moves only after what stands before it was taken."""
        query = {**self._query, "watch": "1", "since": self._cursor}
        with self._client.stream(self._path, query, {"Accept": "text/event-stream"}) as answer:
            for event in sse.events(answer.iter_lines()):
                self._patience.heard()
                data = json.loads(event.data)
                if event.kind == "error":
                    raise Refused(int(data.get("status", 503)), data)
                if event.kind != "bookmark":
                    yield Changed(data, is_gone=event.kind == "deleted")
                    continue
                if self._cursor == _NOW:
                    yield BEGUN
                self._cursor = event.id
