"""`k8s4r config view`: which settings count, and where each comes from."""

from typing import Annotated

import typer

from k8s4r.cli import options
from k8s4r.cli.output import MACHINE
from k8s4r.cli.session import Session
from k8s4r.cli.settings import Sourced


def view(
    context: typer.Context,
    *,
    show_origin: Annotated[
        bool, typer.Option("--show-origin", help="And which flag, variable or file said so.")
    ] = False,
    format_: options.Output = None,
) -> None:
    """Show the settings that count here; of a token its public beginning only.

    k8s4r config view
    k8s4r config view --show-origin
    K8S4R_CONTEXT=prod k8s4r config view -o json
    """
    session: Session = context.obj
    chosen = session.choose(format_)
    found = session.settings
    names = ("context", "url", "token", "ca_file", "project", "pool", "output")
    rows = [_row(name, getattr(found, name)) for name in names]
    if chosen in MACHINE:
        session.write_list(rows, kind="setting", following=None)
        return
    for row in rows:
        origin = f"  {row['origin']}" if show_origin and row["origin"] else ""
        session.terminal.write(f"{row['id']:<8}  {row['value'] or '-':<32}{origin}".rstrip())


def register(app: typer.Typer, *, panel: str) -> None:
    """Add the command."""
    config = typer.Typer(no_args_is_help=True, help="The settings of this command.")
    config.command("view")(view)
    config.callback()(_config)
    app.add_typer(config, name="config", rich_help_panel=panel)


def _config() -> None:
    """The settings of this command."""


def _row(name: str, found: Sourced | None) -> dict[str, str | None]:
    value = found.value if found else None
    if value and name == "token":
        value = "_".join(value.split("_")[:2]) + "_..." if value.count("_") >= 2 else "..."
    return {"id": name, "value": value, "origin": found.origin if found else None}
