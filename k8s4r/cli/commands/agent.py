"""`k8s4r agent add`: let another machine join."""

from typing import Annotated

import typer

from k8s4r.cli import ages
from k8s4r.cli.output import MACHINE
from k8s4r.cli.session import Session
from k8s4r.core import joining


def add(
    context: typer.Context,
    pool: Annotated[
        str, typer.Option(help="Pool whose agents may work at once; empty: wait for approval.")
    ] = "default",
    project: Annotated[str, typer.Option("--project", "-p", help="Project.")] = "default",
    label: Annotated[
        list[str] | None,
        typer.Option("--label", "-l", metavar="KEY", help="Label it may give itself; repeatable."),
    ] = None,
    format_: Annotated[str | None, typer.Option("--output", "-o", help="json or yaml.")] = None,
) -> None:
    """Print the one line to paste on another machine.

    Its token is good for one agent, for 15 minutes.

    k8s4r agent add
    k8s4r agent add --pool gpus --label gpu
    k8s4r agent add --pool "" -p web -o json
    """
    session: Session = context.obj
    chosen = session.choose(format_)
    asked = {"project": project, "label_keys": list(label or ()), "max_uses": 1}
    if pool:
        asked["pool"] = pool
    made = session.client.post("/api/v1/enrolment-tokens", asked)
    if chosen in MACHINE:
        session.write_object(made, kind="enrolment-token")
        return
    session.terminal.write(joining.line(made["token"], url=session.client.url))
    now = session.client.server_time
    left = ages.between(now.isoformat() if now else None, made["expires_at"], now)
    session.terminal.note(f"good for one agent, for {left}; it needs `pip install 'k8s4r[agent]'`")


def register(app: typer.Typer, *, panel: str) -> None:
    """Add the commands about agents."""
    agents = typer.Typer(no_args_is_help=True, help="Let machines join.")
    agents.command()(add)
    # A single command would otherwise swallow its group.
    agents.callback()(_group)
    app.add_typer(agents, name="agent", rich_help_panel=panel)


def _group() -> None:
    """Let machines join."""
