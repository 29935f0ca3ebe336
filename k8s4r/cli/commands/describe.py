"""`k8s4r describe`: everything about one task, agent, pool, pod or K8s config, for a person."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer

from k8s4r.cli import finding, kinds, options, places, sections
from k8s4r.cli.cluster_kinds import K8S_CONFIG
from k8s4r.cli.commands import (
    describe_agent,
    describe_config,
    describe_pod,
    describe_pool,
    describe_task,
)
from k8s4r.cli.errors import Usage
from k8s4r.cli.kinds import AGENT, POD, POOL, TASK
from k8s4r.cli.output import MACHINE
from k8s4r.cli.session import Session

_PAGES: Mapping[str, Callable[[Session, Mapping[str, Any]], None]] = {
    TASK.name: describe_task.write,
    AGENT.name: describe_agent.write,
    POOL.name: describe_pool.write,
    POD.name: describe_pod.write,
    K8S_CONFIG.name: describe_config.write,
}


def describe(
    context: typer.Context,
    what: Annotated[
        list[str],
        typer.Argument(
            metavar="KIND NAME", show_default=False, autocompletion=options.complete_reference
        ),
    ],
    format_: Annotated[str | None, typer.Option("--output", "-o", help="json or yaml.")] = None,
) -> None:
    """Show everything about one thing, and what to do next.

    k8s4r describe task TASK
    k8s4r describe agent web-1
    k8s4r describe pool default -o json
    """
    session: Session = context.obj
    chosen = session.choose(format_)
    kind, names = kinds.split(what)
    kind = places.of(session, kind, session.project(None))
    if not names:
        raise Usage(f"which {kind.name}?", hint=f"k8s4r get {kind.name}s lists them")
    for index, name in enumerate(names):
        found = finding.one(session.client, kind, name, session.terminal)
        if chosen in MACHINE:
            session.write_object(found, kind=kind.name)
            continue
        if index:
            session.terminal.write("")
        _PAGES.get(kind.name, _plain)(session, found)


def register(app: typer.Typer, *, panel: str) -> None:
    """Add the command."""
    app.command(rich_help_panel=panel)(describe)


def _plain(session: Session, found: Mapping[str, Any]) -> None:
    """Write every field of what has no page of its own."""
    sections.facts(session.terminal, [(name.replace("_", " "), found[name]) for name in found])
