"""`k8s4r wait`: until tasks have ended."""

import threading
import time
from collections.abc import Mapping
from typing import Annotated, Any, Final

import typer

from k8s4r.cli import endings, finding, values
from k8s4r.cli.client import Client
from k8s4r.cli.errors import CliError, ExitCode
from k8s4r.cli.kinds import TASK
from k8s4r.cli.session import Session

_EVERY_S: Final = 0.5
_MOST_S: Final = 3.0


def wait(
    context: typer.Context,
    tasks: Annotated[list[str], typer.Argument(metavar="TASK", show_default=False)],
    timeout: Annotated[
        str | None, typer.Option(metavar="DURATION", help="Give up after this; exit code 6.")
    ] = None,
) -> None:
    """Wait until tasks have ended.

    The exit code is 0 when all completed, 1 when one failed, 2 when one was cancelled.

    k8s4r wait TASK
    k8s4r wait --timeout 10m build test
    k8s4r wait $(k8s4r run --detach -- make) && echo built
    """
    session: Session = context.obj
    limit_s = values.duration_s(timeout, flag="--timeout") if timeout else None
    waiting = {}
    for text in tasks:
        found = finding.one(session.client, TASK, text, session.terminal)
        waiting[str(found["id"])] = found
    ended = _until_ended(session, waiting, limit_s)
    raise typer.Exit(_verdict(ended))


def register(app: typer.Typer, *, panel: str) -> None:
    """Add the command."""
    app.command(rich_help_panel=panel)(wait)


def _until_ended(
    session: Session, waiting: dict[str, Mapping[str, Any]], limit_s: int | None
) -> list[Mapping[str, Any]]:
    """Return the tasks when all have ended; say each end as it comes.

    Raises:
        CliError: the time is up.
    """
    deadline = None if limit_s is None else time.monotonic() + limit_s
    pause, pause_s, ended = threading.Event(), _EVERY_S, []
    while True:
        for task in [task for task in waiting.values() if task["state"] in endings.FINAL]:
            session.terminal.write(f"task/{task['id']} {endings.sentence(task)}")
            ended.append(waiting.pop(str(task["id"])))
        if not waiting:
            return ended
        if deadline is not None and time.monotonic() >= deadline:
            raise _too_late(waiting)
        pause.wait(_within(pause_s, deadline))
        pause_s = min(pause_s * 1.5, _MOST_S)
        waiting = {identity: _fresh(session.client, identity) for identity in waiting}


def _within(pause_s: float, deadline: float | None) -> float:
    return pause_s if deadline is None else max(0.0, min(pause_s, deadline - time.monotonic()))


def _fresh(client: Client, identity: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = client.get(f"{TASK.path}/{identity}")
    return found


def _too_late(waiting: Mapping[str, Mapping[str, Any]]) -> CliError:
    states = ", ".join(f"{identity} is {task['state']}" for identity, task in waiting.items())
    return CliError(
        f"the time is up: {states}",
        exit_code=ExitCode.TIMED_OUT,
        hint=f"k8s4r why {next(iter(waiting))}",
    )


def _verdict(ended: list[Mapping[str, Any]]) -> int:
    states = {str(task["state"]) for task in ended}
    if states - {"completed", "cancelled"}:
        return ExitCode.FAILED
    return ExitCode.CANCELLED if "cancelled" in states else ExitCode.DONE
