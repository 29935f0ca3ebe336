"""How is a list fetched, written, and watched?"""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from k8s4r.cli import finding, output, rows
from k8s4r.cli.changes import Begun, Changes
from k8s4r.cli.kinds import Kind
from k8s4r.cli.output import MACHINE, Context, Format, Row
from k8s4r.cli.patience import Patience
from k8s4r.cli.rows import Condition
from k8s4r.cli.session import Session

_EVERY_S: Final = 2.0
# How far a list is looked through for a condition that the server does not know.
_MOST_SEARCHED: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which rows: named, or those that a query and conditions let through, in an order."""

    names: Sequence[str] = ()
    query: Mapping[str, Any] = field(default_factory=dict)
    conditions: Sequence[Condition] = ()
    sort_by: str | None = None
    limit: int = 50


class Listing:
    """One list that was asked for."""

    def __init__(self, session: Session, kind: Kind, wanted: Wanted) -> None:
        self._session = session
        self._kind = kind
        self._wanted = wanted
        self._format = session.format
        self._following: str | None = None
        self._known: dict[str, Row] = {}
        self._listed: Sequence[Row] = ()
        self._table: output.Table | None = None

    def show(self, *, headers: bool) -> None:
        """Write the list once."""
        found = self._fetch()
        self._known = {str(row["id"]): row for row in found}
        if self._format in MACHINE:
            self._write(found)
        else:
            self._draw(found, headers=headers)
        if self._following and not self._wanted.names:
            more = self._wanted.limit * 4
            self._session.terminal.note(f"there are more; --limit {more} shows more")

    def watch(self) -> None:
        """Write each row again when it changed, until Ctrl-C."""
        if self._kind.is_watched and not self._wanted.names:
            self._listen()
        else:
            self._look_again()

    def _listen(self) -> None:
        """Write what the server says has changed, as it changes."""
        session = self._session
        patience = Patience(session.terminal.note)
        changes = Changes(session.client, self._kind.path, self._wanted.query, patience)
        for change in changes.follow():
            if isinstance(change, Begun):
                self._write_changed(self._fetch())
            elif change.is_gone:
                self._known.pop(str(change.row["id"]), None)
            elif all(condition.holds(change.row) for condition in self._wanted.conditions):
                self._write_changed([change.row])

    def _look_again(self) -> None:
        """Read the list again and again: it has no stream of changes."""
        pause = threading.Event()
        while not pause.wait(_EVERY_S):
            self._write_changed(self._fetch())

    def _write_changed(self, found: Sequence[Row]) -> None:
        changed = [row for row in reversed(found) if self._known.get(str(row["id"])) != row]
        self._known.update((str(row["id"]), row) for row in found)
        for row in changed:
            self._write_one(row)

    def _fetch(self) -> Sequence[Row]:
        client, wanted = self._session.client, self._wanted
        if wanted.names:
            found: Sequence[Row] = [
                finding.one(client, self._kind, name, self._session.terminal)
                for name in wanted.names
            ]
        elif wanted.conditions:
            searched, self._following = client.items(
                self._kind.path, wanted.query, limit=_MOST_SEARCHED
            )
            rows.check_fields(searched, (each.path for each in wanted.conditions))
            fitting = [row for row in searched if all(c.holds(row) for c in wanted.conditions)]
            found = fitting[: wanted.limit]
        else:
            found, self._following = client.items(self._kind.path, wanted.query, limit=wanted.limit)
        identified = [self._identified(row) for row in found]
        rows.check_fields(identified, self._session.fields)
        rows.check_fields(identified, [wanted.sort_by.lstrip("-")] if wanted.sort_by else ())
        self._listed = rows.ordered(identified, wanted.sort_by)
        return self._listed

    def _identified(self, row: Row) -> Row:
        """Return the row with an id: a member has that of its person."""
        return row if "id" in row else {"id": row[f"{self._kind.named_by}_id"], **row}

    def _write(self, found: Sequence[Row]) -> None:
        if len(self._wanted.names) == 1:
            self._session.write_object(found[0], kind=self._kind.name)
        else:
            self._session.write_list(found, kind=self._kind.name, following=self._following)

    def _draw(self, found: Sequence[Row], *, headers: bool) -> None:
        terminal = self._session.terminal
        if not found:
            terminal.note(f"no {self._kind.name}s")
            return
        context = self._context(found)
        columns = rows.columns(self._session.fields) or self._kind.columns
        self._table = output.table(columns, found, context, wide=self._format is Format.WIDE)
        if headers:
            terminal.print(self._table.header())
        for row in found:
            terminal.print(self._table.line(row, context))

    def _write_one(self, row: Row) -> None:
        if self._format in MACHINE:
            self._session.write_object(row, kind=self._kind.name)
        elif self._table is None:
            self._draw([row], headers=True)
        else:
            context = self._context([*self._listed, row])
            self._session.terminal.print(self._table.line(row, context))

    def _context(self, found: Sequence[Row]) -> Context:
        ids = [str(row["id"]) for row in found]
        short = {identity: identity for identity in ids}
        if self._format is not Format.WIDE:
            short = output.short_ids(ids)
        return Context(self._session.client.server_time, short)
