"""`k8s4r approve`, `reject`: what people decide about plans, and about agents that ask to join."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from k8s4r.cli import agent_acts, finding, options, several
from k8s4r.cli.errors import Usage
from k8s4r.cli.kinds import AGENT
from k8s4r.cli.session import Session

Tasks = Annotated[
    list[str],
    typer.Argument(metavar="TASK", show_default=False, autocompletion=options.complete_task),
]
Things = Annotated[
    list[str],
    typer.Argument(metavar="NAME", show_default=False, autocompletion=options.complete_agent),
]
Comment = Annotated[
    str | None, typer.Option("--comment", "-m", help="What you say of it; kept with the task.")
]


def approve(context: typer.Context, names: Things, *, comment: Comment = None) -> None:
    """Have plans applied that wait, or let agents work that enrolled themselves.

    A plan is applied on the machine that made it, as it was when you looked at it. Nobody approves
    a plan of their own. A name that an agent has means the agent; task/NAME means a task.

    k8s4r approve TASK --comment "as discussed"
    k8s4r approve web-1 web-2
    k8s4r get agents --state pending -o name | xargs k8s4r approve
    """
    session: Session = context.obj

    def one(name: str) -> None:
        if comment is None and _is_agent(session, name):
            agent_acts.ask(session, name, "approve", {})
        else:
            _decide(session, name, "approve", comment)

    several.each(session, names, one)


def reject(context: typer.Context, tasks: Tasks, *, comment: Comment = None) -> None:
    """End tasks whose plans wait: nothing is applied, and their slots are free.

    k8s4r reject TASK
    k8s4r reject TASK --comment "it would delete the database"
    k8s4r get tasks --state apply_pending -o name | xargs k8s4r reject
    """
    session: Session = context.obj
    several.each(session, tasks, lambda name: _decide(session, name, "reject", comment))


def register(app: typer.Typer, *, panel: str) -> None:
    """Add the commands."""
    for command in (approve, reject):
        app.command(rich_help_panel=panel)(command)


def _is_agent(session: Session, name: str) -> bool:
    """Is there an agent of this very name or id, and was no task asked for?

    The beginning of an id is a task's: those of both begin with their time.
    """
    if name.startswith("task/"):
        return False
    return name.startswith("agent/") or finding.is_called(session.client, AGENT, name)


def _decide(session: Session, name: str, word: str, comment: str | None) -> None:
    """Decide about the plan that the server shows now: a later one is another decision."""
    if name.startswith("agent/"):
        raise Usage(f"{name} is no task", hint="a comment goes with the plan of a task")
    found = session.client.get(f"/api/v1/tasks/{finding.open_task(session.client, name)['id']}")
    body: dict[str, Any] = {"comment": comment} if comment else {}
    if found["plan"] is not None:
        body["attempt"] = found["plan"]["attempt_id"]
    after = session.client.post(f"/api/v1/tasks/{found['id']}/{word}", body)
    session.terminal.write(_said(after))


def _said(after: Mapping[str, Any]) -> str:
    if after["state"] == "cancelled":
        return f"task/{after['id']} rejected"
    return f"task/{after['id']} approved, applied on {after['agent']}"
