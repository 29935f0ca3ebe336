"""Runs one command and turns how it went into an exit code."""

import os
import sys
from collections.abc import Sequence

import typer

from k8s4r.cli.app import app
from k8s4r.cli.errors import CliError, ExitCode, Usage
from k8s4r.cli.output import MACHINE
from k8s4r.cli.session import Session
from k8s4r.cli.terminal import ReaderLeft, Terminal


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code; nothing escapes as a traceback."""
    session = Session(Terminal(os.environ))
    command = typer.main.get_command(app)
    try:
        code = command.main(
            args=list(sys.argv[1:] if arguments is None else arguments),
            prog_name="k8s4r",
            standalone_mode=False,
            obj=session,
        )
    except CliError as error:
        return _failed(session, error)
    except typer.Abort:
        return ExitCode.INTERRUPTED
    except typer.TyperException as error:
        return _failed(session, _misuse(error))
    except ReaderLeft:
        session.terminal.discard()
        return ExitCode.DONE
    finally:
        session.close()
    return code if isinstance(code, int) else ExitCode.DONE


def _failed(session: Session, error: CliError) -> int:
    if session.format in MACHINE and not session.jq:
        session.terminal.error_as_json(error)
    else:
        session.terminal.error(error)
    return error.exit_code


def _misuse(error: typer.TyperException) -> CliError:
    """Return a complaint of the parser as ours, with the command whose help answers it."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "k8s4r"
    # A group without a verb has shown its help; the parser has no words left for it.
    said = error.format_message().rstrip(".") or "Missing command"
    return Usage(said, hint=f"{path} --help")


if __name__ == "__main__":
    sys.exit(main())
