"""How does one command do the same to several things, when some of them refuse?"""

from collections.abc import Callable, Sequence

import typer

from k8s4r.cli.errors import CliError
from k8s4r.cli.session import Session


def each(session: Session, names: Sequence[str], act: Callable[[str], object]) -> None:
    """Do it to each; a refusal does not stop the others, and the last one is the exit code.

    Raises:
        CliError: the only one was refused.
        Exit: one of several was refused.
    """
    worst: CliError | None = None
    for name in names:
        try:
            act(name)
        except CliError as error:
            if len(names) == 1:
                raise
            session.terminal.error(error)
            worst = error
    if worst is not None:
        raise typer.Exit(worst.exit_code)
