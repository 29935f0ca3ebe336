"""Which flags do many commands have? One name, one meaning, one help text each."""

from typing import Annotated

import typer

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
    typer.Option("--selector", "-l", metavar="KEY=VALUE", help="With this label; repeatable."),
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
