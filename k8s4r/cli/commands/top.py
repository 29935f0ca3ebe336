"""`k8s4r top`: where the capacity is, and what waits for it."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

import typer

from k8s4r.cli import kinds, options, output
from k8s4r.cli.errors import Usage
from k8s4r.cli.kinds import AGENT, POOL, TASK, Kind
from k8s4r.cli.output import MACHINE, Column, Context, Format
from k8s4r.cli.session import Session

_MOST: Final = 1_000
_MOST_COUNTED: Final = 200
_BAR: Final = 20
_AGENTS: Final = (
    Column("AGENT", lambda row, _: row["name"], most=30, keeps_end=True),
    Column("STATUS", lambda row, _: row["status"], is_state=True),
    Column("BUSY", lambda row, _: str(row["busy"])),
    Column("SLOTS", lambda row, _: str(row["slots"])),
    Column("LOAD", lambda row, _: _bar(row), most=_BAR + 2),
)
_POOLS: Final = (
    Column("POOL", lambda row, _: row["name"], most=40),
    Column("STATE", lambda row, _: row["state"], is_state=True),
    Column("WAITING", lambda row, _: _count(row["waiting"])),
    Column("RUNNING", lambda row, _: _count(row["running"])),
    Column("LIMIT", lambda row, _: str(row["limit"] or "none")),
)


def top(
    context: typer.Context,
    what: Annotated[str, typer.Argument(metavar="[agents|pools]", show_default=False)] = "agents",
    *,
    project: options.Project = None,
    format_: options.Output = None,
    no_headers: options.NoHeaders = False,
) -> None:
    """Show the busiest agents, or the pools with the longest queues, first.

    k8s4r top
    k8s4r top pools
    k8s4r top agents -p web -o json
    """
    session: Session = context.obj
    chosen = session.choose(format_)
    kind = kinds.kind(what)
    if kind not in {AGENT, POOL}:
        raise Usage(f"top shows agents or pools, not {kind.name}s")
    place = session.project(project)
    rows = _agents(session, place) if kind is AGENT else _pools(session, place)
    if chosen in MACHINE:
        session.write_list(rows, kind=kind.name, following=None)
    else:
        _draw(session, kind, rows, headers=not no_headers)


def register(app: typer.Typer, *, panel: str) -> None:
    """Add the command."""
    app.command(rich_help_panel=panel)(top)


def _draw(session: Session, kind: Kind, rows: list[dict[str, Any]], *, headers: bool) -> None:
    if not rows:
        session.terminal.note(f"no {kind.name}s")
        return
    context = Context(session.client.server_time, {})
    columns = _AGENTS if kind is AGENT else _POOLS
    table = output.table(columns, rows, context, wide=session.format is Format.WIDE)
    if headers:
        session.terminal.print(table.header())
    for row in rows:
        session.terminal.print(table.line(row, context))
    if kind is AGENT:
        busy, slots = (sum(row[name] for row in rows) for name in ("busy", "slots"))
        places = "1 agent" if len(rows) == 1 else f"{len(rows)} agents"
        session.terminal.note(f"{busy} of {slots} slots on {places} are busy")


def _agents(session: Session, project: str | None) -> list[dict[str, Any]]:
    query = {"project": project} if project else {}
    found, _ = session.client.items(AGENT.path, query, limit=_MOST)
    rows = [
        {
            "id": agent["id"],
            "name": agent["name"],
            "status": agent["status"],
            "busy": agent["slots"]["total"] - agent["slots"]["idle"],
            "slots": agent["slots"]["total"],
        }
        for agent in found
    ]
    return sorted(rows, key=lambda row: (-row["busy"], row["name"]))


def _pools(session: Session, project: str | None) -> list[dict[str, Any]]:
    found, _ = session.client.items(POOL.path, {}, limit=_MOST)
    rows = [
        {
            "id": pool["id"],
            "name": f"{pool['project']}/{pool['name']}",
            "state": "paused" if pool["paused"] else "active",
            "waiting": _tasks(session, pool, "pending"),
            "running": _tasks(session, pool, "dispatching,running"),
            "limit": pool["max_concurrent"],
        }
        for pool in found
        if project in {None, pool["project"]}
    ]
    return sorted(rows, key=lambda row: (-row["waiting"], row["name"]))


def _tasks(session: Session, pool: Mapping[str, Any], states: str) -> int:
    """Return how many tasks there are, counted as far as a person wants to know."""
    query = {"pool": pool["id"], "state": states}
    return len(session.client.items(TASK.path, query, limit=_MOST_COUNTED)[0])


def _count(number: int) -> str:
    return f"{number}+" if number == _MOST_COUNTED else str(number)


def _bar(row: Mapping[str, Any]) -> str:
    full = round(_BAR * row["busy"] / row["slots"]) if row["slots"] else 0
    return "[" + "#" * full + "." * (_BAR - full) + "]"
