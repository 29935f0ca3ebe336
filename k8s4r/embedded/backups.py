"""How is a running platform copied to a safe place? Its database at one moment, and artifacts.

The dump is one snapshot. Artifacts never change and are on the disk before their rows are, so
copying them after the dump catches all that the dump knows.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

from k8s4r.embedded import (
    binaries,
    clients,
    commands,
    credentials,
    keys,
    lock,
    manifest,
    postgres,
    summary,
)
from k8s4r.embedded.clients import Client
from k8s4r.embedded.configuration import Configuration, Home
from k8s4r.embedded.errors import EmbeddedError
from k8s4r.embedded.manifest import Manifest

Say = Callable[[str], object]
_NOW = "to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US+00:00')"


def make(
    configuration: Configuration, target: Path, *, secrets_file: Path | None, say: Say
) -> Manifest:
    """Make a backup in the new folder ``target``; it appears whole or not at all.

    Raises:
        EmbeddedError: something is at that path, there is no platform, or a program failed.
    """
    home = configuration.home
    if target.exists():
        raise EmbeddedError(f"{target} exists; name a new folder for the backup")
    refuse_foreign(configuration)
    if secrets_file is not None:
        keys.export(home, secrets_file)
    draft = target.with_name(f".{target.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    credentials.private_folder(draft)
    with _database(home) as (client, url):
        made = _fill(draft, home, client, say=say)
        os.sync()
        draft.rename(target)
        noted = commands.run(configuration, url, "note_backup", "--made-at", made.made_at)
    say(noted.strip())
    return made


def refuse_foreign(configuration: Configuration) -> None:
    """Leave a PostgreSQL that is not ours to its own tools.

    Raises:
        EmbeddedError: the database is not ours.
    """
    if configuration.database_url:
        raise EmbeddedError(
            "K8S4R_DATABASE_URL names a PostgreSQL of yours: back it up with its own tools, "
            "as docs/operations.md says"
        )


def programs(home: Home) -> Path:
    """Return where the client programs are that fit the data of this folder.

    Raises:
        EmbeddedError: there are no data yet, or none of their version is installed.
    """
    version = home.root / "postgres" / "data" / "PG_VERSION"
    if not version.exists():
        raise EmbeddedError(f"there is no database in {home.root}; nothing was ever up there")
    return binaries.find_postgres(int(version.read_text())).folder


@contextmanager
def _database(home: Home) -> Iterator[tuple[Client, str]]:
    """Reach the database: the running one, or one that runs for this purpose."""
    folder = programs(home)
    if lock.holder(home.run) is not None:
        url = summary.environment(home)["K8S4R_DATABASE_URL"]
        yield clients.of(url, folder), url
        return
    password = home.secrets / "database_password"
    with postgres.start(home.root / "postgres", password_file=password) as server:
        yield clients.of(server.url, folder), server.url


def _fill(draft: Path, home: Home, client: Client, *, say: Say) -> Manifest:
    made_at, generation, version = client.ask(
        f"SELECT {_NOW}",
        "SELECT coalesce(max(number), 1) FROM agents_generation",
        "SHOW server_version",
    )
    # Who may do what is for the server that it is restored to: its roles may have other names.
    options = ("--format=custom", "--no-owner", "--no-privileges")
    client.run("pg_dump", *options, "--file", str(draft / manifest.DUMP))
    say("dumped the database")
    copied = _copy_artifacts(home.root / manifest.ARTIFACTS, draft / manifest.ARTIFACTS)
    say(f"copied {copied} artifacts")
    files = sorted(path for path in draft.rglob("*") if path.is_file())
    made = Manifest(
        format=manifest.FORMAT,
        made_at=made_at,
        generation=int(generation),
        version=metadata.version("k8s4r"),
        postgres=version.split()[0],
        secrets=keys.names(home),
        files={str(path.relative_to(draft)): manifest.checksum(path) for path in files},
    )
    manifest.write(draft, made)
    return made


def _copy_artifacts(source: Path, target: Path) -> int:
    """Copy what is whole and ours; uploads under way carry a passing name."""
    target.mkdir()
    if not source.is_dir():
        return 0
    names = [path.name for path in source.iterdir() if manifest.is_artifact(path.name)]
    # One that is gone meanwhile had lived its time: so will its row.
    return sum(_copied(source / name, target / name) for name in names)


def _copied(source: Path, target: Path) -> bool:
    try:
        shutil.copy2(source, target)
    except FileNotFoundError:
        return False
    return True
