"""In which form is data written: a table for people, or one that programs read?"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import pairwise
from typing import Any, Final

import yaml
from rich.cells import cell_len, set_cell_size
from rich.text import Text

from k8s4r.cli.errors import Usage
from k8s4r.cli.terminal import Terminal, clean, state_text

Row = Mapping[str, Any]
# Of a name that is cut before its end: as much of it as tells pods apart.
_END: Final = 12
_GAP: Final = "  "


class Format(StrEnum):
    """How data is written; ``json`` is the API's object, unchanged."""

    TABLE = "table"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"
    NAME = "name"
    JSONL = "jsonl"


MACHINE: Final = frozenset({Format.JSON, Format.YAML, Format.JSONL, Format.NAME})


@dataclass(frozen=True, slots=True)
class Context:
    """What a cell may depend on beside its row: the server's time, and every row's short id."""

    now: datetime | None
    short_ids: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table; ``most`` is its width in ``table``, ``wide`` cuts nothing.

    What is too long is cut at its end; with ``keeps_end`` before that: there pods' names differ.
    """

    title: str
    cell: Callable[[Row, Context], str]
    most: int = 40
    only_wide: bool = False
    is_state: bool = False
    keeps_end: bool = False


def parse(text: str) -> Format:
    """Return the format of that name.

    Raises:
        Usage: there is none.
    """
    try:
        return Format(text)
    except ValueError:
        raise Usage(f"output {text!r} is not known; there are {', '.join(Format)}") from None


def write_list(
    terminal: Terminal, format_: Format, items: Sequence[Row], *, kind: str, following: str | None
) -> None:
    """Write a list for programs, in every format but the tables."""
    match format_:
        case Format.JSON:
            terminal.write(as_json({"items": list(items), "next": following}))
        case Format.YAML:
            terminal.write(as_yaml({"items": list(items), "next": following}))
        case Format.JSONL:
            for item in items:
                terminal.write(as_json_line(item))
        case _:
            for item in items:
                terminal.write(f"{kind}/{item['id']}")


def write_object(terminal: Terminal, format_: Format, item: Row, *, kind: str) -> None:
    """Write one object for programs."""
    match format_:
        case Format.YAML:
            terminal.write(as_yaml(item))
        case Format.JSONL:
            terminal.write(as_json_line(item))
        case Format.NAME:
            terminal.write(f"{kind}/{item['id']}")
        case _:
            terminal.write(as_json(item))


def as_json(value: Any) -> str:
    """Return JSON for people: indented, in the order of the API."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def as_json_line(value: Any) -> str:
    """Return JSON on one line."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def as_yaml(value: Any) -> str:
    """Return YAML in the order of the API."""
    text: str = yaml.safe_dump(value, sort_keys=False, allow_unicode=True)
    return text.rstrip("\n")


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under columns, widths decided once, so that a watch can add lines to it."""

    columns: Sequence[Column]
    widths: Sequence[int]
    wide: bool

    def header(self) -> Text:
        """Return the line of titles."""
        return self._line([Text(column.title, "bold") for column in self.columns])

    def line(self, row: Row, context: Context) -> Text:
        """Return one row."""
        cells = [_cell(column, row, context) for column in self.columns]
        return self._line(
            [
                state_text(text) if column.is_state else Text(text)
                for column, text in zip(self.columns, cells, strict=True)
            ]
        )

    def _line(self, cells: Sequence[Text]) -> Text:
        line = Text()
        last = len(cells) - 1
        for index, (cell, width) in enumerate(zip(cells, self.widths, strict=True)):
            shown = cell if self.wide else _cut(cell, width, self.columns[index])
            line.append_text(shown)
            if index < last:
                line.append(" " * max(0, width - cell_len(shown.plain)) + _GAP)
        return line


def _cut(cell: Text, width: int, column: Column) -> Text:
    if cell_len(cell.plain) <= width:
        return cell
    end = cell.plain[-_END:] if column.keeps_end and width > _END + cell_len("…") else ""
    begin = set_cell_size(cell.plain, max(0, width - 1 - cell_len(end)))
    return Text(f"{begin}…{end}", cell.style)


def table(columns: Sequence[Column], rows: Sequence[Row], context: Context, *, wide: bool) -> Table:
    """Return the table that fits these rows."""
    shown = [column for column in columns if wide or not column.only_wide]
    widths = [
        _width(column, [_cell(column, row, context) for row in rows], wide=wide) for column in shown
    ]
    return Table(shown, widths, wide)


def _width(column: Column, cells: Sequence[str], *, wide: bool) -> int:
    needed = max([len(column.title), *(cell_len(cell) for cell in cells)])
    return needed if wide else min(needed, max(column.most, len(column.title)))


def _cell(column: Column, row: Row, context: Context) -> str:
    return clean(column.cell(row, context)) or "-"


def short_ids(ids: Sequence[str], *, least: int = 13) -> dict[str, str]:
    """Return of each id its shortest beginning that tells it from the others, 13 at least.

    Ids begin with their time, so 13 characters are one millisecond; a list that was submitted as
    one needs more.
    """
    ordered = sorted(set(ids))
    shared = dict.fromkeys(ordered, 0)
    for one, other in pairwise(ordered):
        length = _shared(one, other)
        shared[one] = max(shared[one], length)
        shared[other] = max(shared[other], length)
    return {
        identity: identity[: max(least, length + 1)].rstrip("-")
        for identity, length in shared.items()
    }


def _shared(one: str, other: str) -> int:
    pairs = zip(one, other, strict=False)
    return next((index for index, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
