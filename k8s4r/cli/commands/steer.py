"""`k8s4r drain`, `pause`, `resume`, `approve`: what people want of agents."""

from collections.abc import Sequence
from typing import Annotated

import typer

from k8s4r.cli import finding
from k8s4r.cli.errors import CliError
from k8s4r.cli.kinds import AGENT
from k8s4r.cli.session import Session

Agents = Annotated[list[str], typer.Argument(metavar="AGENT", show_default=False)]


def drain(context: typer.Context, agents: Agents) -> None:
    """Let agents finish what they run, and give them nothing more.

    This never ends by itself: `k8s4r resume` does.

    k8s4r drain web-1
    k8s4r get agents -o name | xargs k8s4r drain
    """
    _ask(context.obj, agents, "drain")


def pause(context: typer.Context, agents: Agents) -> None:
    """Give agents no new work until they are resumed.

    k8s4r pause web-1
    """
    _ask(context.obj, agents, "pause")


def resume(context: typer.Context, agents: Agents) -> None:
    """Let agents get work again.

    k8s4r resume web-1
    """
    _ask(context.obj, agents, "resume")


def approve(context: typer.Context, agents: Agents) -> None:
    """Let agents work that enrolled themselves without a pool.

    k8s4r approve web-1
    """
    _ask(context.obj, agents, "approve")


def register(app: typer.Typer, *, panel: str) -> None:
    """Add the commands."""
    for command in (drain, pause, resume, approve):
        app.command(rich_help_panel=panel)(command)


def _ask(session: Session, names: Sequence[str], word: str) -> None:
    """Ask one after the other; the first refusal of one alone is the command's."""
    worst: CliError | None = None
    for name in names:
        try:
            found = finding.one(session.client, AGENT, name, session.terminal)
            after = session.client.post(f"{AGENT.path}/{found['id']}/{word}")
            session.terminal.write(f"agent/{after['name']} {after['desired']}, {after['status']}")
        except CliError as error:
            if len(names) == 1:
                raise
            session.terminal.error(error)
            worst = error
    if worst is not None:
        raise typer.Exit(worst.exit_code)
