"""Which flags do many commands have? One name, one meaning, one help text each."""

from typing import Annotated

import typer

from k8s4r.cli import completing
from k8s4r.cli.kinds import AGENT, POOL, TASK
from k8s4r.cli.mass import DryRun

Output = Annotated[
    str | None,
    typer.Option("--output", "-o", help="table, wide, json, yaml, name or jsonl."),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Dry = Annotated[
    DryRun | None,
    typer.Option(
        "--dry-run", help="Only show: client, what would be sent; server, what it would do."
    ),
]
Project = Annotated[str | None, typer.Option("--project", "-p", help="Of this project.")]
Pool = Annotated[str | None, typer.Option(help="In this pool.")]
State = Annotated[str | None, typer.Option(help="In these states: running, or a,b, or open.")]
Labels = Annotated[
    list[str] | None,
    typer.Option(
        "--selector", "-l", metavar="KEY=VALUE", help="With this label of its own; repeatable."
    ),
]
Required = Annotated[
    list[str] | None,
    typer.Option("--require", metavar="KEY=VALUE", help="Label an agent must carry; repeatable."),
]
Owner = Annotated[str | None, typer.Option("--by", help="Submitted by this user; me is you.")]
OnAgent = Annotated[str | None, typer.Option("--agent", help="On this agent.")]
Named = Annotated[str | None, typer.Option("--name", help="With this name.")]
Since = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="Submitted since: 2h, yesterday, 2026-01-31T12:00Z."),
]
Before = Annotated[str | None, typer.Option(metavar="TIME", help="Submitted before.")]
Timeout = Annotated[
    str | None, typer.Option(metavar="DURATION", help="Give up after this; exit code 6.")
]
Fields = Annotated[
    str | None, typer.Option(metavar="A,B.C", help="These fields only, as the API names them.")
]
Jq = Annotated[str | None, typer.Option("--jq", metavar="PROGRAM", help="What jq makes of it.")]
FieldSelector = Annotated[
    list[str] | None,
    typer.Option(metavar="FIELD=VALUE", help="Only rows with this; also !=; repeatable."),
]
AllProjects = Annotated[bool, typer.Option("--all-projects", "-A", help="Whatever project is set.")]
SortBy = Annotated[
    str | None, typer.Option(metavar="FIELD", help="Order of what is shown; -FIELD: reversed.")
]
Limit = Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")]
Watch = Annotated[
    bool, typer.Option("--watch", "-w", help="Then print what changes, until Ctrl-C.")
]
NoHeaders = Annotated[bool, typer.Option("--no-headers", help="No line of titles.")]
Web = Annotated[bool, typer.Option("--web", help="Print the address of its page, open it.")]


def complete_reference(context: typer.Context, incomplete: str) -> list[str]:
    """Return the kinds, or the names of the kind that stands before."""
    return completing.references(context.params.get("what") or (), incomplete)


def complete_task(context: typer.Context, incomplete: str) -> list[str]:
    """Return names and ids of tasks."""
    return completing.names(TASK, incomplete)


def complete_agent(context: typer.Context, incomplete: str) -> list[str]:
    """Return names of agents."""
    return completing.names(AGENT, incomplete)


def complete_drained(context: typer.Context, incomplete: str) -> list[str]:
    """Return names of agents, and of pods behind ``pod/``."""
    is_other = "/" in incomplete
    return (
        completing.references([], incomplete) if is_other else complete_agent(context, incomplete)
    )


def complete_written(context: typer.Context, incomplete: str) -> list[str]:
    """Return names and ids of tasks, and of pods behind ``pod/``."""
    is_other = "/" in incomplete
    return completing.references([], incomplete) if is_other else complete_task(context, incomplete)


def complete_pool(context: typer.Context, incomplete: str) -> list[str]:
    """Return names of pools."""
    return completing.names(POOL, incomplete)
