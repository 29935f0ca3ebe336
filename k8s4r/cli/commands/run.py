"""`k8s4r run`: submit a command, show its output as it is written, end as it ends."""

import os
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from k8s4r.cli import finding, foreground, options, output, values
from k8s4r.cli.commands import explain
from k8s4r.cli.errors import ExitCode
from k8s4r.cli.kinds import POOL
from k8s4r.cli.mass import DryRun
from k8s4r.cli.output import Format
from k8s4r.cli.session import Session

Command = Annotated[list[str], typer.Argument(metavar="CMD", show_default=False)]
Pool = Annotated[str | None, typer.Option(help="Pool; else the project's default one.")]
Project = Annotated[str | None, typer.Option("--project", "-p", help="Project.")]
Name = Annotated[str | None, typer.Option("--name", "-n", help="A name to find it by.")]
Env = Annotated[
    list[str] | None,
    typer.Option("--env", "-e", metavar="KEY[=VALUE]", help="Variable; repeatable."),
]
Label = Annotated[
    list[str] | None,
    typer.Option("--label", "-l", metavar="KEY=VALUE", help="A label to find it by; repeatable."),
]
Cwd = Annotated[str | None, typer.Option(help="Folder on the agent; absolute.")]
Priority = Annotated[int | None, typer.Option(help="0 to 100; more is sooner.")]
Timeout = Annotated[
    str | None, typer.Option(metavar="DURATION", help="Stop it when it runs longer.")
]
QueueTimeout = Annotated[
    str | None, typer.Option(metavar="DURATION", help="Give up when it waits longer.")
]
Attempts = Annotated[int | None, typer.Option(help="Try so often when it fails or is lost.")]
Detach = Annotated[bool, typer.Option("--detach", "-d", help="Print the id and return at once.")]
Output = Annotated[
    str | None, typer.Option("--output", "-o", help="With --detach: json, yaml or name.")
]


def run(  # noqa: PLR0913 - one argument for each flag
    context: typer.Context,
    *,
    command: Command,
    pool: Pool = None,
    project: Project = None,
    name: Name = None,
    env: Env = None,
    label: Label = None,
    require: options.Required = None,
    cwd: Cwd = None,
    priority: Priority = None,
    timeout: Timeout = None,
    queue_timeout: QueueTimeout = None,
    attempts: Attempts = None,
    detach: Detach = False,
    dry_run: options.Dry = None,
    format_: Output = None,
) -> None:
    """Run a command on an agent: its output is here, its exit code too.

    Ctrl-C stops following; a second one within 3 seconds cancels the task. The command reads
    nothing: its stdin is empty.

    k8s4r run -- make test
    k8s4r run --require gpu=a100 --timeout 2h -- python train.py
    k8s4r run --detach --name nightly --label batch=7 -e MODE=full -- ./backup
    """
    session: Session = context.obj
    chosen = session.choose(format_)
    asked = _given(
        name=name,
        project=session.project(project),
        pool=session.pool(pool),
        spec=_spec(command, values.pairs(env or (), flag="--env", lacking=os.environ), cwd),
        labels=values.pairs(label or (), flag="--label"),
        required_labels=values.pairs(require or (), flag="--require"),
        priority=priority,
        run_timeout_s=values.span_s(timeout, flag="--timeout"),
        queue_timeout_s=values.span_s(queue_timeout, flag="--queue-timeout"),
        retry=attempts and {"attempts": attempts, "on": ["failed", "lost"]},
    )
    if dry_run:
        raise typer.Exit(_only_show(session, asked, dry_run))
    task = session.client.post("/api/v1/tasks", asked)
    if detach:
        _print(session, chosen, task)
        return
    raise typer.Exit(foreground.stay(session, str(task["id"])))


def register(app: typer.Typer, *, panel: str) -> None:
    """Add the command."""
    settings = {"allow_interspersed_args": False}
    app.command(context_settings=settings, rich_help_panel=panel)(run)


def _given(**wanted: Any) -> dict[str, Any]:
    """Return what was said; the rest is for the server to choose."""
    return {key: value for key, value in wanted.items() if value not in (None, {})}


def _spec(command: list[str], env: Mapping[str, str], cwd: str | None) -> dict[str, Any]:
    spec: dict[str, Any] = {"argv": command}
    if env:
        spec["env"] = dict(env)
    if cwd:
        spec["cwd"] = cwd
    return spec


def _only_show(session: Session, asked: Mapping[str, Any], dry_run: DryRun) -> int:
    """Print what would be sent, or ask the pool who would get it."""
    if dry_run is DryRun.CLIENT:
        session.terminal.write(output.as_json(asked))
        return ExitCode.DONE
    named = f"{asked.get('project', 'default')}/{asked.get('pool', 'default')}"
    pool = finding.one(session.client, POOL, named, session.terminal)
    body = {name: value for name, value in asked.items() if name != "pool"}
    return explain.ask(session, pool, body)


def _print(session: Session, chosen: Format, task: Mapping[str, Any]) -> None:
    if chosen in {Format.TABLE, Format.WIDE}:
        session.terminal.write(str(task["id"]))
        session.terminal.note(f"submitted; k8s4r logs -f {task['id']} follows it")
    else:
        session.write_object(task, kind="task")
