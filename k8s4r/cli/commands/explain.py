"""`k8s4r explain pool`: who would get a task like this now, and why not the others?"""

import os
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.text import Text

from k8s4r.cli import finding, kinds, options, values
from k8s4r.cli.commands import why
from k8s4r.cli.errors import ExitCode, Usage
from k8s4r.cli.kinds import POOL
from k8s4r.cli.output import MACHINE
from k8s4r.cli.session import Session
from k8s4r.cli.terminal import clean


def explain(  # noqa: PLR0913 - one argument for each flag
    context: typer.Context,
    *,
    what: Annotated[list[str], typer.Argument(metavar="pool NAME -- CMD", show_default=False)],
    env: Annotated[
        list[str] | None, typer.Option("--env", "-e", metavar="KEY[=VALUE]", help="Variable.")
    ] = None,
    require: options.Required = None,
    priority: Annotated[int | None, typer.Option(help="0 to 100; more is sooner.")] = None,
    project: options.Project = None,
    format_: options.Output = None,
) -> None:
    """Say who would get a task now, and what keeps each other agent from it; nothing is submitted.

    The exit code is 0 when somebody would get it, 8 when it would wait.

    k8s4r explain pool gpus -- make test
    k8s4r explain --require gpu=a100 pool gpus -- python train.py
    k8s4r explain -o json pool/gpus -- true
    """
    session: Session = context.obj
    session.choose(format_)
    pool, command = _meant(what)
    found = finding.one(session.client, POOL, pool, session.terminal)
    spec: dict[str, Any] = {"argv": command}
    if env:
        spec["env"] = values.pairs(env, flag="--env", lacking=os.environ)
    wanted = {
        "spec": spec,
        "required_labels": values.pairs(require or (), flag="--require"),
        "priority": priority,
        "project": session.project(project),
    }
    body = {key: value for key, value in wanted.items() if value not in (None, {})}
    raise typer.Exit(ask(session, found, body))


def ask(session: Session, pool: Mapping[str, Any], body: Mapping[str, Any]) -> int:
    """Write who would get the task of this body; return 8 when it would wait."""
    answer = session.client.post(f"{POOL.path}/{pool['id']}/explain", body)
    if session.format in MACHINE:
        session.write_object({"id": pool["id"], **answer}, kind=POOL.name)
    else:
        _write(session, answer)
    return ExitCode.PENDING if answer["would_get_it"] is None else ExitCode.DONE


def register(app: typer.Typer, *, panel: str) -> None:
    """Add the command."""
    settings = {"allow_interspersed_args": False}
    app.command(context_settings=settings, rich_help_panel=panel)(explain)


def _meant(words: Sequence[str]) -> tuple[str, list[str]]:
    """Return the pool and the command of ``pool gpus make`` or ``pool/gpus make``."""
    count = 1 if "/" in words[0] else 2
    kind, names = kinds.split(words[:count])
    command = [word for index, word in enumerate(words[count:]) if index or word != "--"]
    if kind is not POOL or not names or not command:
        raise Usage("explain which pool, for which command?", hint="k8s4r explain pool P -- CMD")
    return names[0], command


def _write(session: Session, answer: Mapping[str, Any]) -> None:
    terminal, place = session.terminal, answer["would_get_it"]
    if place is not None:
        line = Text("would run on ", "green") + Text(clean(str(place["agent"])), "bold")
        terminal.print(line + Text(f", slot {place['slot']}"))
    else:
        terminal.print(Text("would wait: ", "yellow") + Text(clean(answer["code"]), "bold"))
        terminal.write(clean(answer["sentence"]))
    why.write_candidates(session, answer)
