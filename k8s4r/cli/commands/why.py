"""`k8s4r why`: why a task does not run yet, agent by agent."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.text import Text

from k8s4r.cli import ages, endings, finding, options, output, plans
from k8s4r.cli.kinds import TASK
from k8s4r.cli.output import MACHINE, Column, Context
from k8s4r.cli.session import Session
from k8s4r.cli.terminal import clean

COLUMNS = (
    Column("AGENT", lambda row, _: str(row["agent"]), most=24, keeps_end=True),
    Column("VERDICT", lambda row, _: str(row["code"])),
    Column("BECAUSE", lambda row, _: because(row), most=56),
)


def why(
    context: typer.Context,
    task: Annotated[
        str,
        typer.Argument(metavar="TASK", show_default=False, autocompletion=options.complete_task),
    ],
    format_: Annotated[str | None, typer.Option("--output", "-o", help="json or yaml.")] = None,
) -> None:
    """Say why a task waits, or how it stands when it does not.

    k8s4r why TASK
    k8s4r why nightly -o json
    k8s4r get tasks --state pending -o name --limit 1 | xargs k8s4r why
    """
    session: Session = context.obj
    chosen = session.choose(format_)
    found = finding.one(session.client, TASK, task, session.terminal)
    reason = session.client.get(f"{TASK.path}/{found['id']}/waiting")
    if chosen in MACHINE:
        session.write_object(reason, kind="task")
    else:
        explain(session, found, reason)


def register(app: typer.Typer, *, panel: str) -> None:
    """Add the command."""
    app.command(rich_help_panel=panel)(why)


def explain(session: Session, task: Mapping[str, Any], reason: Mapping[str, Any]) -> None:
    """Write the reason in sentences, and one line for each candidate."""
    terminal = session.terminal
    if task["state"] == "apply_pending":
        terminal.write(clean(plans.waits(task)))
        return
    if not reason.get("code"):
        terminal.write(f"it does not wait: {endings.sentence(task)}")
        return
    since = ages.age(reason.get("since"), session.client.server_time)
    terminal.print(Text(f"waiting for {since}: ", "yellow") + Text(clean(reason["code"]), "bold"))
    terminal.write(clean(reason["sentence"]))
    _write_gates(session, reason)
    write_candidates(session, reason)


def write_candidates(session: Session, reason: Mapping[str, Any]) -> None:
    """Write one line for each candidate, and how many more there are."""
    terminal, candidates = session.terminal, reason["candidates"]
    if not candidates:
        return
    context = Context(session.client.server_time, {})
    table = output.table(COLUMNS, candidates, context, wide=False)
    terminal.write("")
    terminal.print(table.header())
    for row in candidates:
        terminal.print(table.line(row, context))
    more = reason.get("candidates_total", 0) - len(candidates)
    if more > 0:
        terminal.note(f"and {more} more agents")


def _write_gates(session: Session, reason: Mapping[str, Any]) -> None:
    """Write where it is held, and who can do what about it."""
    for gate in reason["gates"]:
        if gate["passed"] is False:
            session.terminal.write(clean(f"held at {gate['name']}: {held(gate)}"))
    for advice in reason["advice"]:
        line = Text(clean(f"{advice['role']}: {advice['text']}: "))
        session.terminal.print(line + Text(clean(advice["command"]), "bold"))


def held(gate: Mapping[str, Any]) -> str:
    """Return what a gate needs and found, until when, why and by whom."""
    facts = [f"needs {gate['needed']}, found {gate['found']}"]
    facts += [f"until {gate['until']}"] if gate["until"] else []
    facts += [f"{gate['note']!r}"] if gate["note"] else []
    facts += [f"by {gate['by']}"] if gate["by"] else []
    return ", ".join(facts)


def because(row: Mapping[str, Any]) -> str:
    """Return which rule keeps the candidate from the task, and what it found."""
    if row["code"] == "chosen":
        return "gets it"
    if not row.get("rule"):
        return "fits; others come first"
    return f"{row['rule']}: needs {row['needed']}, has {row['found'] or 'nothing'}"
