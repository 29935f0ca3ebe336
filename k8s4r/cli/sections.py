"""How is a description laid out: titles, aligned facts, tables below them?"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.text import Text

from k8s4r.cli import output
from k8s4r.cli.output import Column, Context, Row
from k8s4r.cli.terminal import Terminal, clean, state_text


def heading(terminal: Terminal, name: str, state: str, identity: str) -> None:
    """Write what it is, how it stands, and its id."""
    terminal.print(Text(clean(name), "bold") + Text("  ") + state_text(state))
    terminal.print(Text(identity, "dim"))


def title(terminal: Terminal, text: str) -> None:
    """Write the title of a section."""
    terminal.write("")
    terminal.print(Text(text, "bold"))


def facts(terminal: Terminal, pairs: Iterable[tuple[str, Any]]) -> None:
    """Write names and values below each other; what is empty is left out."""
    shown = [(name, clean(str(value))) for name, value in pairs if value not in (None, "", {}, [])]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        terminal.print(Text(f"  {name:<{width}}  ", "dim") + Text(value))


def rows(
    terminal: Terminal, columns: Sequence[Column], items: Sequence[Row], context: Context
) -> None:
    """Write a table, indented as the facts are."""
    table = output.table(columns, items, context, wide=False)
    terminal.print(Text("  ") + table.header())
    for item in items:
        terminal.print(Text("  ") + table.line(item, context))


def next_steps(terminal: Terminal, steps: Sequence[tuple[str, str]]) -> None:
    """Write commands that make sense now, each with what it does."""
    if not steps:
        return
    title(terminal, "Next")
    width = max(len(command) for command, _ in steps)
    for command, meaning in steps:
        terminal.print(Text(f"  {command:<{width}}  ") + Text(meaning, "dim"))


def pairs(values: Mapping[str, Any]) -> str:
    """Return a map as ``a=1, b=2``; of a list its items, as ``tools=git docker``."""
    return ", ".join(f"{key}={_value(value)}" for key, value in values.items())


def _value(value: Any) -> str:
    return " ".join(str(each) for each in value) if isinstance(value, list) else str(value)
