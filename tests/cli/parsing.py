"""Which commands are in a line of shell, and would a parser take them?"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

# What ends a command within a line of shell.
_OPERATORS = re.compile(r"\||>|<|;|&&|\(|\)|(?<=\s)#.*")
# What may stand before one: settings for it alone, a loop, the folder where it lies.
_BEFORE = r"^\s*(?:\w+=\S*\s+)*(?:until\s+)?(?:\S+/)?"
_INNER = re.compile(r"\$\(([^()]*)\)")


def calls(line: str, program: str = "k8s4r") -> Iterator[str]:
    """Yield the calls of a program in a line of shell."""
    quoted = re.sub(r"'[^']*'", lambda match: re.sub(r"[|><;&()]", "\0", match[0]), line)
    for part in (*_OPERATORS.split(_INNER.sub("INNER", quoted)), *_INNER.findall(quoted)):
        # What xargs runs gets its names from a pipe.
        if found := re.match(rf"{_BEFORE}({re.escape(program)}\s.*)", part):
            yield found[1].strip()


def parse(command: Any, name: str, arguments: Sequence[str], **extra: Any) -> str:
    """Return which command of a group a command line is, without running it."""
    parent = None
    while True:
        context = command.make_context(name, list(arguments), parent=parent, **extra)
        if not hasattr(command, "commands"):
            path: str = context.command_path
            return path
        arguments = [*context._protected_args, *context.args]
        name, parent = arguments[0], context
        command = command.commands[name]
        arguments = arguments[1:]
