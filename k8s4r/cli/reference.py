"""Which commands are there, with which flags and examples? `docs/cli-reference.md` is this.

``python -m k8s4r.cli.reference > docs/cli-reference.md`` writes it anew; a test compares.
"""

import inspect
import sys
from collections.abc import Iterator, Sequence
from typing import Any, Final

import typer

from k8s4r.cli.app import app

_HEAD: Final = """# Every command of `k8s4r`

Generated from the commands themselves by `python -m k8s4r.cli.reference`. How they are meant to be
used together is in [the command line](cli.md).
"""


def commands(group: Any = None, path: Sequence[str] = ("k8s4r",)) -> Iterator[tuple[str, Any]]:
    """Yield every command that is not hidden, with its words, in the order of the help."""
    group = group or typer.main.get_command(app)
    for name, command in group.commands.items():
        if command.hidden:
            continue
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield " ".join((*path, name)), command


def split(help_text: str) -> tuple[str, list[str]]:
    """Return what a command's help says, and its examples: the last paragraph."""
    *said, examples = inspect.cleandoc(help_text).split("\n\n")
    return "\n\n".join(said), [line.strip() for line in examples.splitlines()]


def markdown() -> str:
    """Return the whole reference."""
    found = list(commands())
    index = [f"| [`{name}`](#{name.replace(' ', '-')}) | {_first(each)} |" for name, each in found]
    table = "\n".join(["| command | does |", "|---|---|", *index])
    return "\n".join([_HEAD, table, *(_section(name, command) for name, command in found)])


def _first(command: Any) -> str:
    return _escaped(split(command.help or "")[0].split("\n\n")[0])


def _section(name: str, command: Any) -> str:
    said, examples = split(command.help or "")
    usage = " ".join(
        _argument(each) for each in command.params if each.param_type_name == "argument"
    )
    lines = [f"\n## {name}\n", f"`{name} [OPTIONS] {usage}`\n".replace(" `", "`"), said, ""]
    options = [each for each in command.params if each.param_type_name == "option"]
    if options:
        lines += ["| flag | means |", "|---|---|", *(_option(each) for each in options), ""]
    return "\n".join([*lines, "```sh", *examples, "```"])


def _argument(parameter: Any) -> str:
    word = str(parameter.metavar or parameter.name.upper())
    return word + ("..." if parameter.nargs == -1 else "")


def _option(parameter: Any) -> str:
    names = ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))
    value = f" {parameter.metavar}" if parameter.metavar else ""
    default = parameter.default
    shown = f" Default: {default}." if default not in (None, False, True, "", ()) else ""
    return f"| {names}{value} | {_escaped(parameter.help or '')}{shown} |"


def _escaped(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(markdown() + "\n")
