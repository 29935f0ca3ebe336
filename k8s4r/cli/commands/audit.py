"""`k8s4r audit`: take the whole history away, and prove that nobody changed it."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from k8s4r.cli import moments, output
from k8s4r.cli.errors import CliError, Usage
from k8s4r.cli.output import MACHINE
from k8s4r.cli.session import Session
from k8s4r.cli.terminal import Terminal

_PATH: Final = "/api/v1/audit"
_LINES: Final = "application/x-ndjson"

app = typer.Typer(help="Take the whole history away, or prove that nobody changed it.")


@app.command()
def export(  # noqa: PLR0913 - one argument for each flag
    context: typer.Context,
    *,
    since: Annotated[
        str | None, typer.Option(help="Only from then on: 2h, yesterday, 2026-11-26.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Only before then.")] = None,
    project: Annotated[str | None, typer.Option("--project", "-p", help="Of this project.")] = None,
    actor: Annotated[str | None, typer.Option(help="Only what this user or agent did.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Into this file, which only you can read.")
    ] = None,
) -> None:
    """Write every event as a line of JSON, the oldest first.

    k8s4r audit export --since 2026-11-01 --out november.jsonl
    k8s4r audit export --actor alice | jq -r .cause
    k8s4r audit export --since yesterday --project web --out web.jsonl
    """
    session: Session = context.obj
    session.client.get("/api/v1/about")
    query = {"format": "jsonl", "project": project, "actor": actor}
    for name, text, flag in (("after", since, "--since"), ("before", until, "--until")):
        query[name] = text and moments.since(text, session.client.server_time, flag=flag)
    given = {name: value for name, value in query.items() if value}
    lines = 0
    with (
        _target(out, session.terminal) as write,
        session.client.stream(_PATH, given, {"Accept": _LINES}) as answer,
    ):
        for piece in answer.iter_bytes():
            lines += piece.count(b"\n")
            write(piece)
    if out is not None:
        session.terminal.note(f"{lines} events in {out}")


@app.command()
def verify(
    context: typer.Context,
    *,
    head: Annotated[
        str | None,
        typer.Option(metavar="NUMBER:HASH", help="A head noted earlier, to be found in the chain."),
    ] = None,
    format_: Annotated[
        str | None, typer.Option("--output", "-o", help="table, json, yaml or jsonl.")
    ] = None,
) -> None:
    """Read all sealed events again and compare them with their seals; exit code 1 when broken.

    Note the head that it prints somewhere else: with it, also new seals over a new history are
    found out.

    k8s4r audit verify
    k8s4r audit verify -o json
    k8s4r audit verify --head 4711:9f86d081884c7d65...
    """
    session: Session = context.obj
    chosen = session.choose(format_)
    found = _verified(session, head)
    if chosen in MACHINE:
        output.write_object(session.terminal, chosen, found, kind="audit")
    else:
        _say(session.terminal, found)
    if not found["ok"]:
        raise typer.Exit(1)


def register(root: typer.Typer, *, panel: str) -> None:
    """Add the commands."""
    root.add_typer(app, name="audit", rich_help_panel=panel)


def _verified(session: Session, head: str | None) -> dict[str, Any]:
    """Check the whole chain, one bounded call after the other, and add up what was seen."""
    total: dict[str, Any] = {"ok": True, "seals": 0, "events": 0, "dropped": 0}
    body: dict[str, Any] = {"after": 0} | ({"head": head} if head else {})
    while True:
        part = session.client.post(f"{_PATH}/verify", body)
        for name in ("seals", "events", "dropped"):
            total[name] += part[name]
        total |= {"ok": part["ok"], "head": part["head"], "broken": part["broken"]}
        if not part["ok"] or part["next"] is None:
            return total
        session.terminal.note(f"{total['seals']} seals hold so far")
        body = {"after": part["next"]}


def _say(terminal: Terminal, found: Mapping[str, Any]) -> None:
    broken, head = found["broken"], found["head"]
    if broken:
        terminal.error(
            CliError(
                f"seal {broken['number']} does not hold: {broken['why']}{_range(broken)}",
                hint=f"{found['seals']} seals before it hold; docs/runbook.md says what it means",
            )
        )
    elif head is None:
        terminal.write("nothing is sealed yet: the first seal comes within two minutes")
    else:
        gone = f", {found['dropped']} of them over months that are gone" if found["dropped"] else ""
        terminal.write(f"ok: seals: {found['seals']}{gone}, events read again: {found['events']}")
        terminal.write(
            f"sealed up to event {head['last_id']} at {moments.local(head['sealed_at'])}"
        )
        terminal.write(f"head {head['number']}:{head['hash']}")


def _range(broken: Mapping[str, Any]) -> str:
    if broken.get("first_id") is None:
        return ""
    return f" (events {broken['first_id']} to {broken['last_id']}, {broken['month']})"


@contextmanager
def _target(out: Path | None, terminal: Terminal) -> Iterator[Any]:
    """Yield where the lines go; a file appears whole or not at all.

    Raises:
        Usage: the file cannot be written.
    """
    if out is None:
        yield terminal.write_bytes
        return
    unfinished = out.with_name(f".{out.name}.part")
    try:
        handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    except OSError as error:
        raise Usage(f"cannot write {out}: {error.strerror}") from error
    try:
        with os.fdopen(handle, "wb") as file:
            yield file.write
        unfinished.replace(out)
    finally:
        unfinished.unlink(missing_ok=True)
