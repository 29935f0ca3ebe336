"""`k8s4r rerun`, `retry`: run again what has ended, the same or with changes."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

import typer

from k8s4r.cli import changing, finding, foreground, mass, options, output, several
from k8s4r.cli.errors import Usage
from k8s4r.cli.kinds import TASK
from k8s4r.cli.mass import Action, DryRun, How
from k8s4r.cli.output import MACHINE, Format
from k8s4r.cli.selecting import Selection
from k8s4r.cli.session import Session
from k8s4r.cli.terminal import clean

_ACTION: Final = Action(
    path="/api/v1/tasks/rerun",
    nothing="nothing failed that was not run again",
    question="run {} again?",
    left="not run again",
)
_MOST_SHOWN: Final = 60
Tasks = Annotated[
    list[str] | None,
    typer.Argument(metavar="[TASK]", show_default=False, autocompletion=options.complete_task),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="PATH=VALUE", help="Change this; repeatable."),
]
Removals = Annotated[
    list[str] | None, typer.Option("--unset", metavar="PATH", help="Take this away; repeatable.")
]
Failed = Annotated[bool, typer.Option("--failed", help="All selected ones that failed.")]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="Then show it to its end.")]


def rerun(  # noqa: PLR0913 - one argument for each flag
    context: typer.Context,
    *,
    tasks: Tasks = None,
    settings: Settings = None,
    removals: Removals = None,
    failed: Failed = False,
    owner: options.Owner = None,
    pool: options.Pool = None,
    label: options.Labels = None,
    project: options.Project = None,
    all_projects: options.AllProjects = False,
    agent: options.OnAgent = None,
    name: options.Named = None,
    since: options.Since = None,
    before: options.Before = None,
    follow: Follow = False,
    dry_run: options.Dry = None,
    yes: options.Yes = False,
    format_: options.Output = None,
) -> None:
    """Run again what has ended, as new tasks with these as their parents.

    All is as it was except what --set and --unset change, and the difference is shown. With
    --failed all selected tasks that failed and were not run again yet.

    k8s4r rerun TASK
    k8s4r rerun TASK --set env.MODE=quick --set priority=9 --unset run_timeout_s
    k8s4r rerun --failed -l batch=7
    k8s4r rerun --failed --by me --since yesterday --yes
    """
    session: Session = context.obj
    chosen = session.choose(format_)
    selection = Selection(
        owner=owner, pool=pool, project=None if all_projects else session.project(project),
        agent=agent, name=name,
        labels=label or (), since=since, before=before,
    )  # fmt: skip
    changes = changing.patch(settings or (), removals or ())
    if not failed:
        if not selection.is_empty():
            raise Usage("flags that select tasks go with --failed")
        _named(session, tasks or (), changes, chosen, (follow, dry_run))
        return
    if tasks or changes:
        raise Usage("--failed selects tasks by flags and changes nothing in them")
    if selection.is_empty() and not project:
        raise Usage("--failed of what?", hint="k8s4r rerun --failed --by me, or -l, --pool, ...")
    selector = selection.as_selector(session.client)
    raise typer.Exit(mass.act(session, _ACTION, selector, How(yes, dry_run, chosen)))


def retry(
    context: typer.Context,
    tasks: Annotated[
        list[str],
        typer.Argument(metavar="TASK", show_default=False, autocompletion=options.complete_task),
    ],
    follow: Follow = False,
    format_: options.Output = None,
) -> None:
    """Run again tasks that ended without success, unchanged.

    k8s4r retry TASK
    k8s4r retry -f nightly
    k8s4r get tasks --state failed -o name | xargs k8s4r retry
    """
    session: Session = context.obj
    chosen = session.choose(format_)

    def one(text: str) -> None:
        found = finding.one(session.client, TASK, text, session.terminal)
        made = session.client.post(f"{TASK.path}/{found['id']}/retry")
        _show(session, made, chosen, follow=follow)

    several.each(session, tasks, one)


def register(app: typer.Typer, *, panel: str) -> None:
    """Add the commands."""
    app.command(rich_help_panel=panel)(rerun)
    app.command(rich_help_panel=panel)(retry)


def _named(
    session: Session,
    names: Sequence[str],
    changes: Mapping[str, Any],
    chosen: Format,
    how: tuple[bool, DryRun | None],
) -> None:
    follow, dry_run = how
    if not names:
        raise Usage("run which task again?", hint="k8s4r get tasks --state ended lists them")
    if follow and len(names) > 1:
        raise Usage("--follow shows one task")
    if dry_run is DryRun.SERVER:
        raise Usage("a rerun of named tasks has --dry-run client only")

    def one(text: str) -> None:
        found = finding.one(session.client, TASK, text, session.terminal)
        if dry_run:
            session.terminal.write(output.as_json({"id": found["id"], "changes": changes}))
            return
        made = session.client.post(f"{TASK.path}/{found['id']}/rerun", {"changes": changes})
        _show(session, made, chosen, follow=follow)

    several.each(session, names, one)


def _show(session: Session, made: Mapping[str, Any], chosen: Format, *, follow: bool) -> None:
    """Write the new task; what differs from its parent is said on stderr."""
    if chosen in MACHINE:
        session.write_object(made, kind=TASK.name)
    else:
        if not follow:
            session.terminal.write(f"task/{made['id']} submitted")
        for change in made.get("changes", ()):
            session.terminal.note(
                f"  {change['pointer'][1:].replace('/', '.')}:"
                f" {_short(change['from'])} -> {_short(change['to'])}"
            )
    if follow:
        raise typer.Exit(foreground.stay(session, str(made["id"])))
    session.terminal.note(f"k8s4r logs -f {made['id']} follows it")


def _short(value: Any) -> str:
    text = "nothing" if value is None else output.as_json_line(value)
    return clean(text if len(text) <= _MOST_SHOWN else text[: _MOST_SHOWN - 1] + "…")
