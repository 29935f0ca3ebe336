"""What is a kind of thing, and what do the cells of its table say?"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from k8s4r.cli import ages
from k8s4r.cli.output import Column, Context, Row

Cell: TypeAlias = Callable[[Row, Context], str]


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """A kind of thing: its words, where the API lists it, and its columns.

    ``states`` gives, for a word after ``--state``, the query that means it; ``filters`` are the
    fields that the API itself filters by; ``named_by`` is the field that people name it by.
    ``is_single``: one of them can be read by its id. ``is_watched``: the API streams its changes.
    """

    name: str
    words: frozenset[str]
    path: str
    columns: Sequence[Column]
    states: Mapping[str, Mapping[str, str]]
    filters: Mapping[str, str] = field(default_factory=dict)
    named_by: str = "name"
    is_single: bool = True
    is_watched: bool = False


def text(key: str) -> Cell:
    """Return what writes a field as it is."""
    return lambda row, _: str(row.get(key) if row.get(key) is not None else "")


def age(key: str) -> Cell:
    """Return what writes how long ago a moment was."""
    return lambda row, context: ages.age(row.get(key), context.now)


def left(key: str) -> Cell:
    """Return what writes how long it is until a moment."""
    return lambda row, context: ages.left(row.get(key), context.now)


def joined(key: str) -> Cell:
    """Return what writes the items of a list."""
    return lambda row, _: ", ".join(row.get(key) or ())


def labels(key: str) -> Cell:
    """Return what writes a map as ``a=1,b=2``."""
    return lambda row, _: ",".join(f"{name}={value}" for name, value in row[key].items())


def slots(row: Row, _: Context) -> str:
    """Write how many slots are in use, of how many: ``2/3``."""
    found: Mapping[str, Any] = row["slots"]
    return f"{found['total'] - found['idle']}/{found['total']}"
