"""`k8s4r version`: of this command, and of the server it talks to."""

import platform
from typing import Annotated

import typer

from k8s4r.cli import __version__
from k8s4r.cli.output import MACHINE
from k8s4r.cli.session import Session


def version(
    context: typer.Context,
    format_: Annotated[str | None, typer.Option("--output", "-o", help="json or yaml.")] = None,
) -> None:
    """Print the version of this command.

    k8s4r version
    k8s4r version -o json
    k8s4r doctor        # and that of the server
    """
    session: Session = context.obj
    chosen = session.choose(format_)
    if chosen in MACHINE:
        facts = {"version": __version__, "python": platform.python_version()}
        session.write_object({"id": "k8s4r", **facts}, kind="version")
    else:
        session.terminal.write(f"k8s4r {__version__}")


def register(app: typer.Typer, *, panel: str) -> None:
    """Add the command."""
    app.command(rich_help_panel=panel)(version)
