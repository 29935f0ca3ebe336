"""Every command explains itself by examples that it would take, and the document says the same."""

import shlex

import pytest
import typer

from k8s4r.cli import reference
from k8s4r.cli.app import app
from tests.architecture.test_house import ROOT
from tests.cli import parsing

COMMANDS = dict(reference.commands())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_three_examples_or_more(name):
    said, examples = reference.split(COMMANDS[name].help)
    assert said
    assert len(examples) >= 3
    assert all("k8s4r" in line for line in examples)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_example_is_taken_by_the_parser(name):
    group = typer.main.get_command(app)
    called = {
        parsing.parse(group, "k8s4r", shlex.split(part)[1:])
        for line in reference.split(COMMANDS[name].help)[1]
        for part in parsing.calls(line)
    }
    assert name in called


def test_the_document_is_what_the_commands_say():
    document = (ROOT / "docs" / "cli-reference.md").read_text()
    assert document == reference.markdown() + "\n", (
        "python -m k8s4r.cli.reference > docs/cli-reference.md"
    )


def test_the_guide_names_every_verb():
    guide = (ROOT / "docs" / "cli.md").read_text()
    verbs = {name.split()[1] for name in COMMANDS}
    assert not {verb for verb in verbs if f"`{verb}" not in guide}
