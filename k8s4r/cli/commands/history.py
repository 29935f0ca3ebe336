"""`k8s4r history`: what happened to one thing, by whom, and putting a setting back."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

import typer

from k8s4r.cli import finding, kinds, moments, output, values
from k8s4r.cli.client import Client
from k8s4r.cli.errors import Missing, Usage
from k8s4r.cli.output import MACHINE, Column, Context, Format
from k8s4r.cli.session import Session

_PATH: Final = "/api/v1/history"
# Of these there is a history, and no list of all that one finds them in by name.
_OTHERS: Final = ("token", "user")
_COLUMNS: Final = (
    Column("TIME", lambda row, _: moments.local(row["at"]), most=19),
    Column("EVENT", lambda row, _: str(row.get("event_id") or "")),
    Column("REQUEST", lambda row, _: _of(row, "request_id"), only_wide=True),
    Column("WHAT", lambda row, _: row["sentence"], most=160),
)


def history(  # noqa: PLR0913 - one argument for each flag
    context: typer.Context,
    *,
    thing: Annotated[str, typer.Argument(metavar="KIND/NAME", show_default=False)],
    since: Annotated[
        str | None,
        typer.Option(help="Only from then on: 2h, yesterday, 2026-11-26, 2026-11-26T03:00."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 50,
    revert: Annotated[
        int | None, typer.Option(metavar="EVENT", help="Put back what this event changed.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="With --revert: also what was changed again since.")
    ] = False,
    format_: Annotated[
        str | None,
        typer.Option("--output", "-o", help="table, wide, json, yaml, name or jsonl."),
    ] = None,
) -> None:
    """Show who changed what, from what to what; the newest first.

    Of an agent also what it ran and when it was connected, of a pod what its cluster was asked
    to do. Kinds are task, agent, pool, pod, project, token and user.

    k8s4r history pool/default
    k8s4r history agent/web-1 --since yesterday
    k8s4r history pod/k8s4r-plans-4f1d2a9c7e30
    k8s4r history pool/default --revert 4711
    """
    session: Session = context.obj
    chosen = session.choose(format_)
    if force and revert is None:
        raise Usage("--force is for --revert")
    kind, identity = _found(session, thing)
    path = f"{_PATH}/{kind}/{identity}"
    if revert is not None:
        _revert(session, path, {"event": revert, "force": force}, chosen)
        return
    query = {"since": moments.since(since, session.client.now())} if since else {}
    _show(session, path, query, limit=limit)


def register(app: typer.Typer, *, panel: str) -> None:
    """Add the command."""
    app.command(rich_help_panel=panel)(history)


def _found(session: Session, thing: str) -> tuple[str, str]:
    """Return the kind and the id of ``pool/default``."""
    word, slash, name = thing.partition("/")
    if not slash or not name:
        raise Usage(f"{thing!r}: name a thing with its kind, as pool/default or agent/web-1")
    if word not in _OTHERS:
        known = kinds.kind(word)
        return known.name, str(finding.one(session.client, known, name, session.terminal)["id"])
    if values.is_id(name):
        return word, name
    return word, _by_name(session.client, word, name)


def _by_name(client: Client, kind: str, name: str) -> str:
    """Return the id of a user who did something once; tokens have no names."""
    if kind == "user":
        query = {"actor_kind": "user", "actor": name}
        acted, _ = client.items("/api/v1/audit", query, limit=1)
        if acted:
            return str(acted[0]["actor_id"])
    raise Missing(f"no {kind} is known as {name!r}", hint=f"name it by its id: {kind}/ID")


def _show(session: Session, path: str, query: Mapping[str, str], *, limit: int) -> None:
    rows, following = session.client.items(path, query, limit=limit)
    terminal = session.terminal
    if session.format is Format.NAME:
        for row in rows:
            terminal.write(str(row["event_id"] or ""))
    elif session.format in MACHINE:
        output.write_list(terminal, session.format, rows, kind="event", following=following)
    elif not rows:
        terminal.note("nothing happened" + (" since then" if query else ""))
    else:
        wide = session.format is Format.WIDE
        about = Context(session.client.server_time, {})
        table = output.table(_COLUMNS, rows, about, wide=wide)
        terminal.print(table.header())
        for row in rows:
            terminal.print(table.line(row, about))
        if following:
            terminal.note(f"there is more: --limit {limit * 2}, or --since")


def _revert(session: Session, path: str, body: Mapping[str, Any], format_: Format) -> None:
    done = session.client.post(f"{path}/revert", body)
    if format_ in MACHINE:
        output.write_object(session.terminal, format_, done, kind=done["kind"])
        return
    for column, (before, after) in done["reverted"].items():
        was, now = output.as_json_line(before), output.as_json_line(after)
        session.terminal.write(f"{done['kind']} {column}: {was} -> {now}")
    if not done["reverted"]:
        session.terminal.note("everything is as it was before that event already")


def _of(row: Mapping[str, Any], key: str) -> str:
    event = row.get("event") or {}
    return str(event.get(key) or "")
