"""Every command explains itself by examples that it would take, and the document says the same."""

import re
import shlex

import pytest
import typer

from k8s4r.cli import reference
from k8s4r.cli.app import app
from tests.architecture.test_house import ROOT

COMMANDS = dict(reference.commands())
# What ends a command within a line of shell.
_OPERATORS = re.compile(r"\||>|<|;|&&|\)|(?<=\s)#.*")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_three_examples_or_more(name):
    said, examples = reference.split(COMMANDS[name].help)
    assert said
    assert len(examples) >= 3
    assert all("k8s4r" in line for line in examples)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_example_is_taken_by_the_parser(name):
    called = {
        _parse(shlex.split(part)[1:])
        for line in reference.split(COMMANDS[name].help)[1]
        for part in _parts(line)
    }
    assert name in called


def _parts(line):
    """Return the calls of `k8s4r` in a line of shell."""
    quoted = re.sub(r"'[^']*'", lambda match: match[0].replace("|", "\0").replace(">", "\0"), line)
    for part in _OPERATORS.split(quoted):
        found = re.search(r"(?:^|[\s(])(k8s4r\s.*)", part)
        # What xargs runs gets its names from a pipe.
        if found and "xargs" not in part:
            yield found[1].strip()


def _parse(arguments):
    """Return which command a command line is, without running it."""
    command, parent = typer.main.get_command(app), None
    name = "k8s4r"
    while True:
        context = command.make_context(name, list(arguments), parent=parent)
        if not hasattr(command, "commands"):
            return context.command_path
        arguments = [*context._protected_args, *context.args]
        name, parent = arguments[0], context
        command = command.commands[name]
        arguments = arguments[1:]


def test_the_document_is_what_the_commands_say():
    document = (ROOT / "docs" / "cli-reference.md").read_text()
    assert document == reference.markdown() + "\n", (
        "python -m k8s4r.cli.reference > docs/cli-reference.md"
    )


def test_the_guide_names_every_verb():
    guide = (ROOT / "docs" / "cli.md").read_text()
    verbs = {name.split()[1] for name in COMMANDS}
    assert not {verb for verb in verbs if f"`{verb}" not in guide}
