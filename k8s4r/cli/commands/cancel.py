"""`k8s4r cancel`: end tasks, at once or through their agents."""

from typing import Annotated

import typer

from k8s4r.cli import finding
from k8s4r.cli.errors import CliError
from k8s4r.cli.session import Session


def cancel(
    context: typer.Context,
    tasks: Annotated[list[str], typer.Argument(metavar="TASK", show_default=False)],
) -> None:
    """Cancel tasks.

    One that waits ends at once, one that runs is stopped by its agent.

    k8s4r cancel TASK
    k8s4r cancel nightly backup
    k8s4r get tasks --state pending -o name | xargs k8s4r cancel
    """
    session: Session = context.obj
    worst: CliError | None = None
    for text in tasks:
        try:
            _cancel(session, text)
        except CliError as error:
            if len(tasks) == 1:
                raise
            session.terminal.error(error)
            worst = error
    if worst is not None:
        raise typer.Exit(worst.exit_code)


def register(app: typer.Typer, *, panel: str) -> None:
    """Add the command."""
    app.command(rich_help_panel=panel)(cancel)


def _cancel(session: Session, text: str) -> None:
    found = finding.open_task(session.client, text)
    after = session.client.post(f"/api/v1/tasks/{found['id']}/cancel")
    ended = after["state"] == "cancelled"
    session.terminal.write(
        f"task/{found['id']} {'cancelled' if ended else 'stopping on ' + str(after['agent'])}"
    )
