"""`k8s4r cancel`: end tasks, at once or through their agents; named, or all that are selected."""

from collections.abc import Sequence
from typing import Annotated, Any, Final

import typer

from k8s4r.cli import finding, mass, options, several
from k8s4r.cli.errors import Usage
from k8s4r.cli.mass import Action, How
from k8s4r.cli.selecting import Selection
from k8s4r.cli.session import Session

_ACTION: Final = Action(
    path="/api/v1/tasks/cancel",
    nothing="nothing to cancel",
    question="cancel {}?",
    left="not cancelled",
)


def cancel(  # noqa: PLR0913 - one argument for each flag
    context: typer.Context,
    *,
    tasks: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TASK]", show_default=False, autocompletion=options.complete_task),
    ] = None,
    owner: options.Owner = None,
    pool: options.Pool = None,
    state: options.State = None,
    label: options.Labels = None,
    project: options.Project = None,
    all_projects: options.AllProjects = False,
    agent: options.OnAgent = None,
    name: options.Named = None,
    since: options.Since = None,
    before: options.Before = None,
    dry_run: options.Dry = None,
    yes: options.Yes = False,
    format_: options.Output = None,
) -> None:
    """Cancel tasks: those named, or all that the flags select.

    One that waits ends at once, one that runs is stopped by its agent. What is selected is counted
    and asked for once, however many there are.

    k8s4r cancel TASK
    k8s4r cancel --by alice
    k8s4r cancel --by me --pool gpus --state pending --yes
    k8s4r cancel -l batch=7 --dry-run server
    """
    session: Session = context.obj
    chosen = session.choose(format_)
    selection = Selection(
        owner=owner, pool=pool, project=None if all_projects else session.project(project),
        agent=agent, name=name,
        state=state, labels=label or (), since=since, before=before,
    )  # fmt: skip
    if tasks:
        _named(session, tasks, selection)
        return
    if selection.is_empty() and not project:
        raise Usage("cancel which tasks?", hint="name them, or select: k8s4r cancel --by me")
    selector = selection.as_selector(session.client)
    raise typer.Exit(mass.act(session, _ACTION, selector, How(yes, dry_run, chosen)))


def register(app: typer.Typer, *, panel: str) -> None:
    """Add the command."""
    app.command(rich_help_panel=panel)(cancel)


def _named(session: Session, names: Sequence[str], selection: Selection) -> None:
    if not selection.is_empty():
        raise Usage("name tasks or select them, not both")

    def one(text: str) -> None:
        found = finding.open_task(session.client, text)
        session.terminal.write(_said(session.client.post(f"/api/v1/tasks/{found['id']}/cancel")))

    several.each(session, names, one)


def _said(after: Any) -> str:
    ended = after["state"] == "cancelled"
    return f"task/{after['id']} {'cancelled' if ended else 'stopping on ' + str(after['agent'])}"
