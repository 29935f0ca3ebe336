"""How is a person asked before something is done, and what if nobody is there to answer?"""

import sys

from k8s4r.cli.errors import CliError, ExitCode, Usage
from k8s4r.cli.terminal import Terminal, clean


class Declined(CliError):
    """The person said no; nothing was done."""

    def __init__(self) -> None:
        super().__init__("nothing was done", exit_code=ExitCode.CANCELLED)


def confirm(terminal: Terminal, question: str, *, agreed: bool, flag: str = "--yes") -> None:
    """Return when the person agrees; ``agreed``: the flag has said so already.

    Raises:
        Usage: there is no terminal to ask on; names the flag.
        Declined: the answer is not yes.
    """
    if agreed:
        return
    if not terminal.can_ask():
        raise Usage(f"{question} there is no terminal to ask on", hint=f"say so with {flag}")
    if _answer(terminal, f"{question} [y/N] ").strip().lower() not in {"y", "yes"}:
        raise Declined


def secret(terminal: Terminal, question: str, *, flag: str) -> str:
    """Return what a person types without showing it.

    Raises:
        Usage: there is no terminal to ask on; names the flag.
    """
    if not terminal.can_ask():
        raise Usage(f"{question}: there is no terminal to ask on", hint=f"use {flag}")
    return terminal.ask_secret(f"{clean(question)}: ").strip()


def _answer(terminal: Terminal, question: str) -> str:
    terminal.ask(clean(question))
    return sys.stdin.readline()
