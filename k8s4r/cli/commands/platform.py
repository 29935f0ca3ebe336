"""`k8s4r up`, `down`, `status`, `sign-in`: the whole platform on this machine."""

import importlib.util
import json
import os
import sys
from dataclasses import asdict
from enum import StrEnum
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from k8s4r.embedded import configuration, control, lock, signing_in, state, summary
from k8s4r.embedded.configuration import Home
from k8s4r.embedded.errors import EmbeddedError

PIPED_WIDTH = 160


class Output(StrEnum):
    """How the answer is written."""

    TEXT = "text"
    JSON = "json"


OutputOption = Annotated[Output, typer.Option("--output", "-o", help="text or json.")]


def up(
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Return when everything is up.")
    ] = False,
    agent: Annotated[
        bool, typer.Option("--agent/--no-agent", help="Run one demo agent with 4 slots.")
    ] = True,
    worker: Annotated[
        bool, typer.Option("--worker/--no-worker", help="Run the worker and the clock for sweeps.")
    ] = True,
    output: OutputOption = Output.TEXT,
) -> None:
    """Start the platform on this machine: PostgreSQL, Redis, web, worker and a demo agent.

    Data are in K8S4R_HOME, web listens on K8S4R_PORT of the loopback address.

        k8s4r up
        k8s4r up --detach --output json
        K8S4R_DATABASE_URL=postgresql://... k8s4r up --no-agent
    """
    wanted = {"agent": agent, "worker": worker}
    without = [argument for name in wanted if not wanted[name] for argument in ("--without", name)]
    home = _home_with_server()
    if detach:
        _up_detached(home, ("up", "--stop-hint", "k8s4r down", *without), output)
    else:
        control.become_supervisor(home, ("up", "--output", output.value, *without))


def down() -> None:
    """Stop the platform; its data stay.

    k8s4r down
    K8S4R_HOME=/srv/k8s4r k8s4r down
    k8s4r down && k8s4r up --detach
    """
    try:
        was_up = control.stop(configuration.home(os.environ))
    except (EmbeddedError, OSError) as error:
        _fail(error)
    _note("k8s4r is down; its data stay" if was_up else "k8s4r was not running")


def sign_in(
    name: Annotated[str, typer.Argument(metavar="[NAME]", show_default=False)] = summary.ADMIN,
) -> None:
    """Print a link to the pages of this platform: it signs in once, within 15 minutes.

    For the administrator, or another person who may open the pages. A second factor is asked for
    as ever.

    k8s4r sign-in
    k8s4r sign-in alice
    xdg-open "$(k8s4r sign-in)"
    """
    try:
        link = signing_in.link(configuration.home(os.environ), name)
    except (EmbeddedError, OSError) as error:
        _fail(error)
    sys.stdout.write(link + "\n")


def status(output: OutputOption = Output.TEXT) -> None:
    """Show every part of the platform; exit code 0 when all are well, 1 otherwise.

    k8s4r status
    k8s4r status --output json
    until k8s4r status; do sleep 1; done
    """
    home = configuration.home(os.environ)
    found = control.status(home)
    if output is Output.JSON:
        sys.stdout.write(json.dumps(_as_object(found), indent=2) + "\n")
    elif found is None:
        _note(f"k8s4r is not running; its data are in {home.root}")
    else:
        # Where nobody looks at it, a line per part is worth more than a narrow table.
        console = Console(width=None if sys.stdout.isatty() else PIPED_WIDTH)
        console.print(_table(found))
        console.print(found.url, highlight=False)
    raise typer.Exit(0 if found and found.is_well else 1)


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    for name, command in {"up": up, "down": down, "status": status, "sign-in": sign_in}.items():
        app.command(name, rich_help_panel="Platform")(command)


def _up_detached(home: Home, arguments: tuple[str, ...], output: Output) -> None:
    try:
        running = lock.holder(home.run)
        if running is None:
            control.start_detached(home, arguments, say=_note)
        else:
            control.await_up(home, running)
    except (EmbeddedError, OSError) as error:
        _fail(error)
    found = summary.read(home)
    assert found is not None
    if output is Output.JSON:
        sys.stdout.write(found.as_json() + "\n")
    elif running is not None:
        _note(f"k8s4r is already running: {found.url}")


def _home_with_server() -> Home:
    """Return the data folder, or stop here where the server is not installed."""
    if importlib.util.find_spec("django") is None:
        _fail(
            EmbeddedError(
                "only the command line is installed here. Install the rest:\n"
                f"    {sys.executable} -m pip install 'k8s4r[server,embedded,agent]'"
            )
        )
    try:
        return configuration.read(os.environ).home
    except EmbeddedError as error:
        _fail(error)


def _table(found: state.PlatformStatus) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("PART", "STATE", "PID", "RESTARTS", "NOTE"):
        table.add_column(column, overflow="fold")
    for part in found.parts:
        pid = str(part.pid) if part.pid else "-"
        table.add_row(part.name, part.state.value, pid, str(part.restarts), part.note)
    return table


def _as_object(found: state.PlatformStatus | None) -> dict[str, object]:
    if found is None:
        return {"pid": None, "url": None, "is_up": False, "parts": []}
    return asdict(found)


def _note(text: str) -> None:
    sys.stderr.write(text + "\n")


def _fail(error: Exception) -> NoReturn:
    _note(f"error: {error}")
    raise typer.Exit(1)
