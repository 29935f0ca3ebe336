"""Where does a command write? Data to stdout, everything said to a person to stderr."""

import getpass
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final, TextIO

from rich.console import Console
from rich.text import Text

from k8s4r.cli.errors import CliError

STATE_STYLES: Final = {
    "completed": "green",
    "online": "green",
    "active": "green",
    "ready": "green",
    "running": "cyan",
    "dispatching": "cyan",
    "busy": "cyan",
    "creating": "cyan",
    "starting": "cyan",
    "pending": "yellow",
    "apply_pending": "yellow",
    "paused": "yellow",
    "draining": "yellow",
    "deleting": "yellow",
    "unknown": "bold magenta",
    "failed": "bold red",
    "error": "bold red",
    "timed_out": "bold red",
    "revoked": "red",
    "offline": "red",
    "cancelled": "dim",
    "gone": "dim",
}


class ReaderLeft(Exception):
    """Whoever read our output wants no more of it, as `head` does."""


class Terminal:
    """Both streams, and whether each may carry colour."""

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        out: TextIO | None = None,
        err: TextIO | None = None,
    ) -> None:
        self.out = out or sys.stdout
        self.err = err or sys.stderr
        self.colour_wanted = not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"
        self.quiet = False

    def write(self, text: str) -> None:
        """Write data; a line end is added."""
        with _read_by_somebody():
            self.out.write(text + "\n")
            self.out.flush()

    def write_bytes(self, data: bytes) -> None:
        """Write output of a task as it is: its bytes need not be text."""
        with _read_by_somebody():
            self.out.flush()
            self.out.buffer.write(data)
            self.out.buffer.flush()

    def write_bytes_to_stderr(self, data: bytes) -> None:
        """Write what a task wrote to its stderr."""
        self.err.flush()
        self.err.buffer.write(data)
        self.err.buffer.flush()

    def print(self, text: Text) -> None:
        """Write styled data: coloured on a terminal, plain elsewhere; never wrapped."""
        with _read_by_somebody():
            self._console(self.out).print(text, soft_wrap=True)
            self.out.flush()

    def note(self, text: str) -> None:
        """Say something that is not data; silent with ``--quiet``."""
        if not self.quiet:
            self._console(self.err).print(Text(clean(text), style="dim"), soft_wrap=True)

    def note_below(self, text: str) -> None:
        """Say something on a line of its own, where the terminal has just echoed a key."""
        if not self.quiet:
            self.err.write("\n")
        self.note(text)

    def error(self, error: CliError) -> None:
        """Say what went wrong, what to do next, and which request it was."""
        console = self._console(self.err)
        console.print(Text("error: ", "bold red") + Text(clean(error.message)), soft_wrap=True)
        if error.hint:
            console.print(Text("hint: ", "bold") + Text(clean(error.hint)), soft_wrap=True)
        if error.request_id:
            console.print(Text(f"request-id: {clean(error.request_id)}", "dim"), soft_wrap=True)

    def error_as_json(self, error: CliError) -> None:
        """Write the problem as the API gives it."""
        self.err.write(json.dumps(error.as_object(), ensure_ascii=False) + "\n")

    def ask(self, question: str) -> None:
        """Write a question on stderr, for stdout is data; the answer follows on its line."""
        self.err.write(question)
        self.err.flush()

    def ask_secret(self, question: str) -> str:
        """Return what is typed, unseen."""
        return getpass.getpass(question, stream=self.err)

    def is_coloured(self) -> bool:
        """May data carry colour?"""
        return self.colour_wanted and self.out.isatty()

    def can_ask(self) -> bool:
        """Is a person there who sees a question and can answer it?"""
        return sys.stdin.isatty() and self.err.isatty()

    def discard(self) -> None:
        """Stop writing: whoever read our output has left."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.out.fileno())

    def _console(self, stream: TextIO) -> Console:
        coloured = self.colour_wanted and stream.isatty()
        return Console(
            file=stream,
            force_terminal=coloured,
            no_color=not coloured,
            color_system="auto" if coloured else None,
            highlight=False,
            markup=False,
            emoji=False,
        )


@contextmanager
def _read_by_somebody() -> Iterator[None]:
    """Turn a broken pipe into an error of ours: the parser would take it for a failure."""
    try:
        yield
    except BrokenPipeError as error:
        raise ReaderLeft from error


def clean(text: str) -> str:
    """Return text that cannot steer a terminal: names of tasks are other people's input."""
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text
    )


def state_text(state: str) -> Text:
    """Return a state in its colour."""
    return Text(clean(state), style=STATE_STYLES.get(state, ""))
