"""`k8s4r events`: what happened to a task and its attempts, and what happens now."""

import threading
from collections.abc import Mapping
from typing import Annotated, Any, Final

import typer

from k8s4r.cli import endings, finding, options, output
from k8s4r.cli.commands.describe_task import EVENTS, event_rows
from k8s4r.cli.kinds import TASK
from k8s4r.cli.output import MACHINE, Context
from k8s4r.cli.session import Session

_EVERY_S: Final = 1.0
_MOST: Final = 10_000


def events(
    context: typer.Context,
    task: Annotated[
        str,
        typer.Argument(metavar="TASK", show_default=False, autocompletion=options.complete_task),
    ],
    *,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Then what follows, until it has ended.")
    ] = False,
    format_: options.Output = None,
    no_headers: options.NoHeaders = False,
) -> None:
    """Show each move of a task and its attempts: when, from what cause, by whom.

    k8s4r events TASK
    k8s4r events -w nightly
    k8s4r events TASK -o jsonl
    """
    session: Session = context.obj
    session.choose(format_)
    found = finding.one(session.client, TASK, task, session.terminal)
    shown = _show(session, found, 0, headers=not no_headers)
    pause = threading.Event()
    while watch and found["state"] not in endings.FINAL:
        pause.wait(_EVERY_S)
        found = session.client.get(f"{TASK.path}/{found['id']}")
        shown = _show(session, found, shown, headers=False)


def register(app: typer.Typer, *, panel: str) -> None:
    """Add the command."""
    app.command(rich_help_panel=panel)(events)


def _show(session: Session, task: Mapping[str, Any], shown: int, *, headers: bool) -> int:
    """Write the events behind the first ``shown``; return how many there are."""
    path = f"{TASK.path}/{task['id']}/events"
    found = session.client.items(path, {}, limit=_MOST)[0]
    new = found[shown:]
    if session.format in MACHINE:
        if not shown and session.format is not output.Format.JSONL:
            session.write_list(new, kind="event", following=None)
        else:
            for each in new:
                session.write_object(each, kind="event")
        return len(found)
    context = Context(session.client.server_time, {})
    rows = event_rows(task, found)
    table = output.table(EVENTS, rows, context, wide=session.format is output.Format.WIDE)
    if headers:
        session.terminal.print(table.header())
    for row in rows[shown:]:
        session.terminal.print(table.line(row, context))
    return len(found)
