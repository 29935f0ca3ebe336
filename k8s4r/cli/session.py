"""What does every command have at hand: the terminal, the settings and, when asked, the server?"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from k8s4r.cli import output, querying, rows, settings
from k8s4r.cli.client import Client
from k8s4r.cli.output import Format, Row
from k8s4r.cli.settings import Flags, Settings
from k8s4r.cli.terminal import Terminal


@dataclass(slots=True)
class Session:
    """One run of the command; nothing is read or opened before it is needed."""

    terminal: Terminal
    flags: Flags = field(default_factory=Flags)
    format: Format = Format.TABLE
    fields: Sequence[str] = ()
    jq: str = ""
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    verbose: bool = False
    _settings: Settings | None = field(default=None, repr=False)
    _client: Client | None = field(default=None, repr=False)

    @property
    def settings(self) -> Settings:
        """Return where the server is and how we prove who we are."""
        if self._settings is None:
            self._settings = settings.read(self.flags, self.environment)
        return self._settings

    @property
    def client(self) -> Client:
        """Return the server."""
        if self._client is None:
            trace = self.terminal.note if self.verbose else None
            self._client = Client(self.settings, trace=trace)
        return self._client

    def project(self, asked: str | None) -> str | None:
        """Return the project that is meant: the flag's, else the one that is set."""
        configured = self.settings.project
        return asked or (configured.value if configured else None)

    def pool(self, asked: str | None) -> str | None:
        """Return the pool that new tasks go to: the flag's, else the one that is set."""
        configured = self.settings.pool
        return asked or (configured.value if configured else None)

    def choose(
        self, asked: str | None, *, fields: str | None = None, jq: str | None = None
    ) -> Format:
        """Return the format to write in: the flag, else the settings, else a table.

        A jq program reads JSON, so that it makes the format one.
        """
        configured = self.settings.output
        self.fields, self.jq = rows.split(fields), jq or ""
        self.format = output.parse(asked or (configured.value if configured else "table"))
        if self.jq:
            self.format = Format.JSON
        return self.format

    def write_list(self, items: Sequence[Row], *, kind: str, following: str | None) -> None:
        """Write a list for programs, as the flags ask for it."""
        shown = [rows.only(item, self.fields) for item in items] if self.fields else items
        if self.jq:
            self._queried({"items": list(shown), "next": following})
        elif self.format is Format.NAME:
            output.write_list(self.terminal, self.format, items, kind=kind, following=following)
        else:
            output.write_list(self.terminal, self.format, shown, kind=kind, following=following)

    def write_object(self, item: Row, *, kind: str) -> None:
        """Write one object for programs, as the flags ask for it."""
        shown = rows.only(item, self.fields) if self.fields else item
        if self.jq:
            self._queried(shown)
        else:
            output.write_object(
                self.terminal, self.format, item if self.format is Format.NAME else shown, kind=kind
            )

    def _queried(self, value: Any) -> None:
        for line in querying.results(self.jq, value):
            self.terminal.write(line)

    def close(self) -> None:
        """Close what was opened."""
        if self._client is not None:
            self._client.close()
