"""Does what a command names exist, where it cannot be run: verbs, flags, targets, settings?"""

import re
import shlex
from collections.abc import Callable, Iterator, Sequence

import click
import typer
import uvicorn
from celery.bin.base import CLIContext
from celery.bin.worker import worker
from django.core.management import get_commands, load_command_class

from agents.client.__main__ import cli as agent
from k8s4r.celery import app as celery
from k8s4r.cli.app import app
from k8s4r.settings import Environment
from tests.cli import parsing
from tests.docs.blocks import ROOT

PROGRAMS = {
    "k8s4r": typer.main.get_command(app),
    "k8s4r-agent": agent,
    "uvicorn": uvicorn.main,
    "celery -A k8s4r.celery worker": worker,
}
# What typer raises is of a click of its own.
USAGE = (click.UsageError, typer.BadParameter.__base__)
# Read by `k8s4r`, not by the server.
OF_THE_COMMAND = {"K8S4R_CONTEXT"}
# Given to the work by its agent (agents/client/runner/machine.py).
OF_A_TASK = {"K8S4R_AGENT"}


def problems(command: str) -> list[str]:
    """Return what a command names that is not there."""
    tries: list[Callable[[str], Iterator[str]]] = [_programs, _modules, _targets]
    return [problem for check in tries for problem in check(command)]


def mentioned(span: str) -> list[str]:
    """Return what a command between words names that is not there; it need not be whole."""
    if " VERB" in span or span.count("'") % 2:
        return []
    return [problem for problem in problems(span) if not problem.startswith("Missing")]


def unknown_settings(text: str) -> set[str]:
    """Return the variables in a text that nobody reads."""
    server = {f"K8S4R_{name.upper()}" for name in Environment.model_fields}
    of_agents = {str(option.envvar) for option in agent.commands["start"].params}
    of_uvicorn = {f"UVICORN_{option.name}".upper() for option in uvicorn.main.params}
    named = set(re.findall(r"\b(?:K8S4R|UVICORN)_[A-Z_]+", text))
    return named - server - of_agents - of_uvicorn - OF_THE_COMMAND - OF_A_TASK


def _programs(command: str) -> Iterator[str]:
    for name, group in PROGRAMS.items():
        for call in parsing.calls(command, name):
            yield from _refused(group, name, shlex.split(call.removeprefix(name)))


def _refused(group: click.Command, name: str, arguments: Sequence[str]) -> Iterator[str]:
    try:
        parsing.parse(group, name, arguments, obj=CLIContext(celery, no_color=True, workdir=None))
    except USAGE as error:
        yield str(error.format_message())
    except IndexError:
        yield "Missing command"
    except KeyError as error:
        yield f"no command {error}"


def _modules(command: str) -> Iterator[str]:
    for found in re.finditer(r"python (?:manage\.py|-m django) (\w+)([^|;&]*)", command):
        name, apps = found[1], get_commands()
        if name not in apps:
            yield f"no management command {name}"
            continue
        parser = load_command_class(apps[name], name).create_parser("manage.py", name)
        parser.parse_args(shlex.split(found[2], comments=True))
    for module in re.findall(r"python -m ((?:agents|k8s4r|tests|benchmarks)[\w.]*)", command):
        path = ROOT / module.replace(".", "/")
        if not path.with_suffix(".py").exists() and not (path / "__main__.py").exists():
            yield f"no module {module}"


def _targets(command: str) -> Iterator[str]:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"(?:^|&& )make (\w+)", command, re.MULTILINE):
        if not re.search(rf"^{target}:", makefile, re.MULTILINE):
            yield f"no target {target}"
