"""How does a table get an event for each change of its rows? By triggers, made in a migration.

What the fields of `Watched` hold is SQL over a row ``r``; all of it is written by us. Migrations of
every age call this: what it makes of the same values stays the same.
"""

from dataclasses import dataclass
from typing import Final

from django.db import migrations

UNTIL_ARCHIVED: Final = "CASE WHEN r.archived_at IS NULL THEN 'active' ELSE 'archived' END"
_ROWS: Final = {
    "INSERT": "REFERENCING NEW TABLE AS new_rows",
    "UPDATE": "REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows",
    "DELETE": "REFERENCING OLD TABLE AS old_rows",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A table whose every change leaves one event, with old and new values by column.

    Attributes:
        kind: the ``object_type`` of its events.
        identity: the object's id; that of the owner for rows that only belong to one.
        state: what ``from_state`` and ``to_state`` say.
        moment: when the change was; a row that carries no time of its changes has the database's.
        agent: who acted, where a transaction carries the changes of many agents.
        hidden: columns whose change is told, never their values.
        unread: bookkeeping, whose changes are none; ``*`` for all.
    """

    table: str
    kind: str
    identity: str = "r.id"
    project: str = "NULL::uuid"
    state: str = "'active'"
    moment: str = "clock_timestamp()"
    agent: str = "''"
    hidden: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()


def watch(*tables: Watched, operations: tuple[str, ...] = tuple(_ROWS)) -> migrations.RunSQL:
    """Return the migration's operation that adds the triggers, or takes them away again."""
    pairs = [(table, operation) for table in tables for operation in operations]
    return migrations.RunSQL(
        [_trigger(*pair) for pair in pairs],
        [f"DROP TRIGGER {_name(*pair)} ON {pair[0].table}" for pair in pairs],
    )


def _trigger(table: Watched, operation: str) -> str:
    told = (
        table.kind, table.identity, table.project, table.state, table.moment, table.agent,
        ",".join(table.hidden), ",".join(table.unread),
    )  # fmt: skip
    arguments = ", ".join("'" + text.replace("'", "''") + "'" for text in told)
    return (
        f"CREATE TRIGGER {_name(table, operation)} AFTER {operation} ON {table.table}"
        f" {_ROWS[operation]} FOR EACH STATEMENT EXECUTE FUNCTION audit_row_event({arguments})"
    )


def _name(table: Watched, operation: str) -> str:
    return f"{table.table}_{operation.lower()}_event"
