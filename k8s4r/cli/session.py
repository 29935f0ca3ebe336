"""What does every command have at hand: the terminal, the settings and, when asked, the server?"""

import os
from dataclasses import dataclass, field

from k8s4r.cli import output, settings
from k8s4r.cli.client import Client
from k8s4r.cli.output import Format
from k8s4r.cli.settings import Flags, Settings
from k8s4r.cli.terminal import Terminal


@dataclass(slots=True)
class Session:
    """One run of the command; nothing is read or opened before it is needed."""

    terminal: Terminal
    flags: Flags = field(default_factory=Flags)
    format: Format = Format.TABLE
    _settings: Settings | None = field(default=None, repr=False)
    _client: Client | None = field(default=None, repr=False)

    @property
    def settings(self) -> Settings:
        """Return where the server is and how we prove who we are."""
        if self._settings is None:
            self._settings = settings.read(self.flags, os.environ)
        return self._settings

    @property
    def client(self) -> Client:
        """Return the server."""
        if self._client is None:
            self._client = Client(self.settings)
        return self._client

    def choose(self, asked: str | None) -> Format:
        """Return the format to write in: the flag, else the settings, else a table."""
        configured = self.settings.output
        self.format = output.parse(asked or (configured.value if configured else "table"))
        return self.format

    def close(self) -> None:
        """Close what was opened."""
        if self._client is not None:
            self._client.close()
