"""`k8s4r get`: lists of tasks, agents and pools, and single ones."""

import threading
from collections.abc import Sequence
from typing import Annotated, Any, Final

import typer

from k8s4r.cli import finding, kinds, output
from k8s4r.cli.errors import Usage
from k8s4r.cli.kinds import TASK, Kind
from k8s4r.cli.output import MACHINE, Context, Format, Row
from k8s4r.cli.session import Session
from k8s4r.cli.values import pairs

_EVERY_S: Final = 2.0


def get(  # noqa: PLR0913 - one argument for each flag
    context: typer.Context,
    *,
    what: Annotated[list[str], typer.Argument(metavar="KIND [NAME]", show_default=False)],
    format_: Annotated[
        str | None,
        typer.Option("--output", "-o", help="table, wide, json, yaml, name or jsonl."),
    ] = None,
    state: Annotated[str | None, typer.Option(help="Only this state; tasks: a,b, open.")] = None,
    label: Annotated[
        list[str] | None, typer.Option("--selector", "-l", metavar="KEY=VALUE", help="By label.")
    ] = None,
    project: Annotated[str | None, typer.Option("--project", "-p", help="Of this project.")] = None,
    pool: Annotated[str | None, typer.Option(help="Tasks of this pool.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 50,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Then print what changes, until Ctrl-C.")
    ] = False,
    no_headers: Annotated[bool, typer.Option("--no-headers", help="No line of titles.")] = False,
) -> None:
    """List tasks, agents or pools, the newest tasks first.

    k8s4r get tasks --state open
    k8s4r get agents -o wide
    k8s4r get task TASK -o json
    """
    session: Session = context.obj
    chosen = session.choose(format_)
    kind, names = kinds.split(what)
    query = _query(kind, {"project": project, "pool": pool}, state, label)
    listing = Listing(session, kind, chosen, names=names, query=query, limit=limit)
    listing.show(headers=not no_headers)
    if watch:
        listing.watch()


def register(app: typer.Typer, *, panel: str) -> None:
    """Add the command."""
    app.command(rich_help_panel=panel)(get)


class Listing:
    """One list that was asked for: fetched, written, and watched."""

    def __init__(  # noqa: PLR0913 - all of what was asked for
        self,
        session: Session,
        kind: Kind,
        format_: Format,
        *,
        names: Sequence[str],
        query: dict[str, str],
        limit: int,
    ) -> None:
        self._session = session
        self._kind = kind
        self._format = format_
        self._names = names
        self._query = query
        self._limit = limit
        self._following: str | None = None
        self._known: dict[str, Row] = {}
        self._table: output.Table | None = None

    def show(self, *, headers: bool) -> None:
        """Write the list once."""
        rows = self._fetch()
        self._known = {str(row["id"]): row for row in rows}
        if self._format in MACHINE:
            self._write(rows)
        else:
            self._draw(rows, headers=headers)
        if self._following and not self._names:
            self._session.terminal.note(f"there are more; --limit {self._limit * 4} shows more")

    def watch(self) -> None:
        """Write each row again when it changed, until Ctrl-C."""
        pause = threading.Event()
        while not pause.wait(_EVERY_S):
            rows = self._fetch()
            changed = [row for row in reversed(rows) if self._known.get(str(row["id"])) != row]
            self._known.update((str(row["id"]), row) for row in rows)
            for row in changed:
                self._write_one(row, rows)

    def _fetch(self) -> Sequence[Row]:
        client = self._session.client
        if self._names:
            return [
                finding.one(client, self._kind, name, self._session.terminal)
                for name in self._names
            ]
        rows, self._following = client.items(self._kind.path, self._query, limit=self._limit)
        return rows

    def _write(self, rows: Sequence[Row]) -> None:
        terminal = self._session.terminal
        if len(self._names) == 1:
            output.write_object(terminal, self._format, rows[0], kind=self._kind.name)
        else:
            output.write_list(
                terminal, self._format, rows, kind=self._kind.name, following=self._following
            )

    def _draw(self, rows: Sequence[Row], *, headers: bool) -> None:
        terminal = self._session.terminal
        if not rows:
            terminal.note(f"no {self._kind.name}s")
            return
        context = self._context(rows)
        wide = self._format is Format.WIDE
        self._table = output.table(self._kind.columns, rows, context, wide=wide)
        if headers:
            terminal.print(self._table.header())
        for row in rows:
            terminal.print(self._table.line(row, context))

    def _write_one(self, row: Row, rows: Sequence[Row]) -> None:
        if self._format in MACHINE:
            output.write_object(self._session.terminal, self._format, row, kind=self._kind.name)
        elif self._table is None:
            self._draw(rows, headers=True)
        else:
            self._session.terminal.print(self._table.line(row, self._context(rows)))

    def _context(self, rows: Sequence[Row]) -> Context:
        ids = [str(row["id"]) for row in rows]
        short = {identity: identity for identity in ids}
        if self._format is not Format.WIDE:
            short = output.short_ids(ids)
        return Context(self._session.client.server_time, short)


def _query(
    kind: Kind, place: dict[str, str | None], state: str | None, labels: list[str] | None
) -> dict[str, Any]:
    """Return the filters as the API takes them.

    Raises:
        Usage: a filter means nothing for this kind.
    """
    if place["pool"] and kind is not TASK:
        raise Usage(f"--pool filters tasks, not {kind.name}s")
    query: dict[str, Any] = {name: value for name, value in place.items() if value}
    if labels:
        query["label"] = [f"{key}={value}" for key, value in pairs(labels, flag="-l").items()]
    for word in (state or "").split(",") if state else ():
        if word not in kind.states:
            raise Usage(f"--state {word!r}: {kind.name}s have {', '.join(kind.states) or 'none'}")
        for name, value in kind.states[word].items():
            query[name] = f"{query[name]},{value}" if name in query else value
    return query
