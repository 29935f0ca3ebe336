"""`k8s4r backup`, `restore`: the platform of this machine, to a safe place and back."""

import os
import subprocess
from pathlib import Path
from typing import Annotated

import typer

from k8s4r.embedded import configuration, control, interpreter

SecretsOption = Annotated[
    Path | None,
    typer.Option("--secrets-file", help="A file of its own for the secrets, mode 0600."),
]


def backup(
    path: Annotated[Path, typer.Argument(help="A new folder.")],
    secrets_file: SecretsOption = None,
) -> None:
    """Copy database and artifacts to a new folder; the platform may go on running.

    Secrets are in it by name only. Without them no token of the backup is valid on another
    machine: keep them in a file of its own, elsewhere.

    k8s4r backup /mnt/backups/first
    k8s4r backup /mnt/backups/first --secrets-file ~/k8s4r-secrets.json
    k8s4r down && k8s4r backup /mnt/backups/before-upgrade
    """
    _run("backup", path, secrets_file)


def restore(
    path: Annotated[Path, typer.Argument(help="A folder that `k8s4r backup` made.")],
    secrets_file: SecretsOption = None,
) -> None:
    """Set the platform, which is down, back to a backup.

    What had begun is `unknown` until its agent comes back or you say how it ended; what waited is
    held back with its pool until you have looked: it may have run since the backup.

    k8s4r restore /mnt/backups/first
    k8s4r restore /mnt/backups/first --secrets-file ~/k8s4r-secrets.json
    k8s4r down && k8s4r restore /mnt/backups/2026-11-21 && k8s4r up --detach
    """
    _run("restore", path, secrets_file)


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    for command in (backup, restore):
        app.command(rich_help_panel="Platform")(command)


def _run(verb: str, path: Path, secrets_file: Path | None) -> None:
    home = configuration.home(os.environ)
    arguments = [verb, str(path.expanduser().absolute())]
    if secrets_file is not None:
        arguments += ["--secrets-file", str(secrets_file.expanduser().absolute())]
    ended = subprocess.run(  # noqa: S603  # a fixed list of ours, no shell
        interpreter.command(control.MODULE, *arguments),
        env=control.environment(home),
        check=False,
        cwd="/",
    )
    raise typer.Exit(ended.returncode)
