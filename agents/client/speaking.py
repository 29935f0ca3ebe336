"""Which commands of ``k8s4r-agent`` are for the work itself, within a task?"""

import os
import re
import sys
import threading
from typing import Any, Final, NoReturn

import click

from agents.client import telling
from agents.client.telling import Code, Untold, Voice
from agents.wire import tellings
from agents.wire.fields import Message
from agents.wire.tellings import ToldAnnotation, ToldProgress

STDIN: Final = "-"


class Share(click.ParamType[float]):
    """A share of the whole: ``0.4`` or ``40%``."""

    name = "fraction"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        text = str(value)
        try:
            share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
        except ValueError:
            share = -1.0
        if not 0 <= share <= 1:
            self.fail(f"{text!r} is no share of the whole; write 0.4 or 40%", param, ctx)
        return share


@click.command()
@click.argument("fraction", type=Share())
@click.option("--text", default="", help="At what it is now, in a few words.")
def progress(fraction: float, text: str) -> None:
    """Tell how much of this task is done; to be called within a task.

    \b
    k8s4r-agent progress 0.4
    k8s4r-agent progress 40% --text "4 of 10 folders"

    \b
    Exit codes: 0 told, 1 the attempt is over, 2 usage, 4 token refused, 75 try again.
    """  # noqa: D301 - click reads \b
    if len(text) > tellings.PROGRESS_CHARACTERS:
        _complain(Code.USAGE, f"--text: at most {tellings.PROGRESS_CHARACTERS} characters")
    _tell("progress", ToldProgress(fraction=fraction, text=text))


@click.command()
@click.option("--context", default="default", help="Its name: the same again replaces it.")
@click.option("--style", type=click.Choice(["info", "success", "warning", "error"]), default="info")
@click.argument("text")
def annotate(context: str, style: Any, text: str) -> None:
    """Pin Markdown to the page of this task; to be called within a task. `-` reads stdin.

    \b
    k8s4r-agent annotate "**3** of 120 tests failed"
    ./summary | k8s4r-agent annotate --context tests --style error -

    \b
    Exit codes: 0 told, 1 the attempt is over, 2 usage, 4 token refused, 75 try again.
    """  # noqa: D301 - click reads \b
    if not re.fullmatch(tellings.CONTEXT, context):
        _complain(Code.USAGE, f"--context: {tellings.CONTEXT_RULE}")
    content = _decoded(_piped() if text == STDIN else os.fsencode(text))
    if not content.strip():
        _complain(Code.USAGE, "there is no text")
    _tell(f"annotations/{context}", ToldAnnotation(text=content, style=style))


def _piped() -> bytes:
    """Return what stands on stdin, up to one byte more than is taken."""
    return sys.stdin.buffer.read(tellings.NOTE_BYTES + 1)


def _decoded(data: bytes) -> str:
    if len(data) > tellings.NOTE_BYTES:
        _complain(Code.USAGE, f"the text is longer than {tellings.NOTE_BYTES} bytes")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        _complain(Code.USAGE, f"the text is not UTF-8: {error}")


def _tell(what: str, told: Message) -> None:
    try:
        telling.tell(Voice.of(os.environ), what, told, pause=threading.Event().wait)
    except Untold as error:
        _complain(error.code, str(error))


def _complain(code: Code, message: str) -> NoReturn:
    click.echo(f"error: {message}", err=True)
    sys.exit(code)
