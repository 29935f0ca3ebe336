"""`k8s4r logs`: what a task wrote, and what it writes now."""

from typing import Annotated

import typer

from k8s4r.cli import endings, finding, following, logview
from k8s4r.cli.errors import ExitCode
from k8s4r.cli.following import Follower
from k8s4r.cli.kinds import TASK
from k8s4r.cli.logs import LogReader, News
from k8s4r.cli.session import Session


def logs(  # noqa: PLR0913 - one argument for each flag
    context: typer.Context,
    *,
    task: Annotated[str, typer.Argument(metavar="TASK", show_default=False)],
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on until the task has ended.")
    ] = False,
    tail: Annotated[int | None, typer.Option(min=0, help="Only the last so many lines.")] = None,
    timestamps: Annotated[bool, typer.Option("--timestamps", help="A time on each line.")] = False,
    attempt: Annotated[int | None, typer.Option(min=1, help="Of this attempt only.")] = None,
) -> None:
    """Print what a task wrote, or writes now.

    With -f until the task ends, and with its exit code; a task that waits says why.
    Ctrl-C stops following, never the task.

    k8s4r logs TASK
    k8s4r logs -f --tail 20 nightly
    k8s4r logs --attempt 1 --timestamps TASK
    """
    session: Session = context.obj
    found = finding.one(session.client, TASK, task, session.terminal)
    task_id = str(found["id"])
    view = logview.View(session.terminal, logview.merged(session.terminal), timestamps=timestamps)
    reader = LogReader(session.client, task_id, attempt=attempt, say=session.terminal.note)
    news = _so_far(reader, view, tail) if tail is not None or not follow else None
    if follow:
        raise typer.Exit(
            _follow(session, Follower(session.client, session.terminal, task_id, reader, view))
        )
    assert news is not None
    if news.state == "pending" and not found["log_bytes"]:
        raise typer.Exit(_say_why_it_waits(session, task_id))
    if not found["log_bytes"]:
        written = (
            endings.sentence(news.facts) if news.is_end else f"{news.state}, nothing written yet"
        )
        session.terminal.note(written)


def register(app: typer.Typer, *, panel: str) -> None:
    """Add the command."""
    app.command(rich_help_panel=panel)(logs)


def _so_far(reader: LogReader, view: logview.View, tail: int | None) -> News | None:
    """Show what there is by now, or its last lines; return how the task stands."""
    if tail is not None:
        chunks, news = logview.last_lines(reader.written(), tail)
        for chunk in chunks:
            view.show(chunk)
        return news
    for found in reader.written():
        if isinstance(found, News):
            return found
        view.show(found)
    return None


def _follow(session: Session, follower: Follower) -> int:
    try:
        return following.say_how_it_ended(session.terminal, follower.to_the_end())
    except KeyboardInterrupt:
        session.terminal.note(
            f"\nstopped following; the task goes on. k8s4r cancel {follower.task_id} ends it"
        )
        return ExitCode.INTERRUPTED


def _say_why_it_waits(session: Session, task_id: str) -> int:
    reason = session.client.get(f"{TASK.path}/{task_id}/waiting")
    if reason.get("code"):
        session.terminal.note(f"waiting ({reason['code']}): {reason['sentence']}")
    return ExitCode.PENDING
