"""Which rows of a list are wanted, in which order, and which of their fields?"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from k8s4r.cli import suggestions
from k8s4r.cli.errors import Usage
from k8s4r.cli.output import Column, Context, Row, as_json_line

_CONDITION: Final = re.compile(r"(?P<path>[\w.-]+)(?P<word>!=|==|=)(?P<value>.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition on a field, as it stood after ``--field-selector``."""

    path: str
    value: str
    negated: bool

    def holds(self, row: Row) -> bool:
        """Does the row fulfil it?"""
        return (as_text(value_at(row, self.path)) == self.value) is not self.negated


def conditions(texts: Iterable[str]) -> list[Condition]:
    """Return the conditions of ``a.b=c,d!=e``.

    Raises:
        Usage: one of them is none.
    """
    found = []
    for text in (part for item in texts for part in item.split(",")):
        match = _CONDITION.fullmatch(text)
        if match is None:
            raise Usage(f"--field-selector {text!r} must look like FIELD=value or FIELD!=value")
        found.append(Condition(match["path"], match["value"], match["word"] == "!="))
    return found


def check_fields(found: Sequence[Row], paths: Iterable[str]) -> None:
    """Refuse a field that no row has: a typo would look like an answer.

    Only the first step of a path is looked at; what is below may be there for some rows alone.

    Raises:
        Usage: one of them is none.
    """
    known = {name for row in found for name in row}
    for path in paths if known else ():
        first = path.partition(".")[0]
        if first not in known:
            raise Usage(
                f"no field {first!r}",
                hint=suggestions.hint(
                    suggestions.did_you_mean(first, known), f"there are {', '.join(sorted(known))}"
                ),
            )


def value_at(row: Any, path: str) -> Any:
    """Return what a dotted path leads to; ``None`` where it leads nowhere."""
    for step in path.split("."):
        if not isinstance(row, Mapping):
            return None
        row = row.get(step)
    return row


def as_text(value: Any) -> str:
    """Return a value as it is compared and shown: texts bare, the rest as JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else as_json_line(value)


def ordered(found: Sequence[Row], path: str | None) -> Sequence[Row]:
    """Return the rows by a field, ``-`` before it for the other direction; numbers as numbers."""
    if not path:
        return found
    key = path.lstrip("-")
    return sorted(found, key=lambda row: _rank(value_at(row, key)), reverse=path.startswith("-"))


def only(row: Row, fields: Sequence[str]) -> Row:
    """Return the row with these fields alone, where they were."""
    result: dict[str, Any] = {}
    for path in fields:
        *above, last = path.split(".")
        here = result
        for step in above:
            here = here.setdefault(step, {})
        here[last] = value_at(row, path)
    return result


def columns(fields: Sequence[str]) -> tuple[Column, ...]:
    """Return a table's columns for these fields."""
    return tuple(
        Column(path.upper(), _cell(path), is_state=path in {"state", "status"}) for path in fields
    )


def split(text: str | None) -> list[str]:
    """Return the fields of ``a,b.c``."""
    return [path.strip() for path in (text or "").split(",") if path.strip()]


def _cell(path: str) -> Callable[[Row, Context], str]:
    return lambda row, _: as_text(value_at(row, path))


def _rank(value: Any) -> tuple[int, Any]:
    if isinstance(value, int | float):
        return (1, value)
    return (0, "") if value is None else (2, as_text(value))
