"""How does a platform become what a backup says? Beside its place, then all at once.

::

    dump --> a new database --migrate--> --new generation--> renamed into place

Until the last step nothing that is there has changed. The new generation is begun before anybody
can work on what was restored, so no task runs twice in silence.
"""

import shutil
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from k8s4r.embedded import (
    backups,
    clients,
    commands,
    credentials,
    keys,
    lock,
    manifest,
    postgres,
    recovery,
)
from k8s4r.embedded.backups import Say
from k8s4r.embedded.clients import Client
from k8s4r.embedded.configuration import Configuration, Home
from k8s4r.embedded.errors import EmbeddedError
from k8s4r.embedded.manifest import Manifest

RESTORED = "k8s4r_restored"
BEFORE = "k8s4r_before"
# Where one can stand while both names change.
NEUTRAL = "postgres"


def restore(
    configuration: Configuration, source: Path, *, secrets_file: Path | None, say: Say
) -> None:
    """Set the platform back to a backup; it must be down, and stays so.

    Raises:
        EmbeddedError: it is up, the backup is not whole, or the secrets are missing.
    """
    home = configuration.home
    backups.refuse_foreign(configuration)
    found = manifest.read(source)
    say(f"{source} is whole: made {found.made_at}, PostgreSQL {found.postgres}")
    for folder in (home.root, home.run, home.logs, home.secrets):
        credentials.private_folder(folder)
    held = lock.acquire(home.run)
    if held is None:
        raise EmbeddedError("the platform is up; stop it first: k8s4r down")
    for line in recovery.clear(home):
        say(line)
    secrets = _secrets(home, secrets_file)
    password = home.secrets / "database_password"
    with postgres.start(home.root / "postgres", password_file=password) as server:
        client = clients.of(server.url, backups.programs(home))
        _load(client, source, found, say=say)
        restored = _at(server.url, RESTORED)
        commands.run(configuration, restored, "migrate", "--no-input")
        said = commands.run(
            configuration, restored, "begin_generation", "--backup-at", found.made_at
        )
        copied = _bring_artifacts(source, home, found)
        say(f"brought {copied} artifacts")
        keys.put_into_place(home, secrets)
        _put_into_place(client)
    say(said.strip())


def _secrets(home: Home, secrets_file: Path | None) -> dict[str, str]:
    """Return the secrets of the backup; none when those that are here go on."""
    if secrets_file is not None:
        return keys.read(secrets_file)
    if not (home.secrets / keys.NEEDED).exists():
        raise EmbeddedError(
            f"{home.secrets} has no secrets, and without those of the backup no token in it is "
            "valid: name their file with --secrets-file"
        )
    return {}


def _load(client: Client, source: Path, found: Manifest, *, say: Say) -> None:
    """Fill a new database from the dump."""
    version = client.ask("SHOW server_version")[0].split()[0]
    if int(version.partition(".")[0]) < found.postgres_major:
        raise EmbeddedError(
            f"the backup is of PostgreSQL {found.postgres}, and here is {version}: install "
            f"PostgreSQL {found.postgres_major} or newer, and restore into a new K8S4R_HOME"
        )
    neutral = client.at(NEUTRAL)
    neutral.ask(f"DROP DATABASE IF EXISTS {RESTORED}", f"CREATE DATABASE {RESTORED}")
    client.at(RESTORED).run(
        "pg_restore",
        *("--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction"),
        *("--dbname", RESTORED, str(source / manifest.DUMP)),
    )
    say("loaded the database beside the present one")


def _bring_artifacts(source: Path, home: Home, found: Manifest) -> int:
    """Add the artifacts that are missing; those that no row knows any more go by themselves."""
    target = home.root / manifest.ARTIFACTS
    credentials.private_folder(target)
    missing = [name for name in found.artifacts if not (home.root / name).exists()]
    for name in missing:
        draft = target / f".{Path(name).name}.part"
        shutil.copy2(source / name, draft)
        draft.rename(home.root / name)
    return len(missing)


def _put_into_place(client: Client) -> None:
    """Change both names in one transaction, then drop what was there before."""
    neutral = client.at(NEUTRAL)
    neutral.ask(f"DROP DATABASE IF EXISTS {BEFORE}")
    neutral.ask(
        f"BEGIN; ALTER DATABASE {client.database} RENAME TO {BEFORE};"
        f" ALTER DATABASE {RESTORED} RENAME TO {client.database}; COMMIT"
    )
    neutral.ask(f"DROP DATABASE {BEFORE}")


def _at(url: str, database: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{database}"))
