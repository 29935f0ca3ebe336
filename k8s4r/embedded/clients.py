"""How do PostgreSQL's own programs (`psql`, `pg_dump`, `pg_restore`) reach a database of ours?"""

import os
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from k8s4r.embedded.errors import EmbeddedError

MOST_OF_AN_ERROR = 2_000


@dataclass(frozen=True, slots=True)
class Client:
    """The programs in one folder, and the database they speak to; its password is in no argv."""

    bin: Path
    host: str
    user: str
    password: str
    database: str

    def at(self, database: str) -> "Client":
        """Return the same for another database of the same server."""
        return replace(self, database=database)

    def run(self, program: str, *arguments: str) -> str:
        """Run a program to its end and return what it printed.

        Raises:
            EmbeddedError: it failed; the message ends with its own words.
        """
        ended = subprocess.run(  # noqa: S603  # PostgreSQL's own, no shell
            [str(self.bin / program), *arguments],
            env=self._environment(),
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
        )
        if ended.returncode != 0:
            said = ended.stderr.strip()[-MOST_OF_AN_ERROR:]
            raise EmbeddedError(f"{program} failed: {said}")
        return ended.stdout

    def ask(self, *statements: str) -> list[str]:
        """Run statements, each in its own transaction, and return the lines they answer."""
        commands = [part for one in statements for part in ("-c", one)]
        said = self.run("psql", "-XqAt", "-v", "ON_ERROR_STOP=1", *commands)
        return said.splitlines()

    def _environment(self) -> dict[str, str]:
        clean = {name: text for name, text in os.environ.items() if not name.startswith("PG")}
        return {
            **clean,
            "PGHOST": self.host,
            "PGUSER": self.user,
            "PGPASSWORD": self.password,
            "PGDATABASE": self.database,
            "PGCONNECT_TIMEOUT": "10",
        }


def of(url: str, folder: Path) -> Client:
    """Return the client for the URL of an embedded server, whose socket stands in ``?host=``."""
    parts = urlsplit(url)
    return Client(
        bin=folder,
        host=parse_qs(parts.query)["host"][-1],
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        database=parts.path.lstrip("/"),
    )
