"""`k8s4r completion`: the words of the tab key, names of the server among them."""

from enum import StrEnum
from typing import Annotated

import typer
from typer._completion_shared import get_completion_script

from k8s4r.cli.session import Session


class Shell(StrEnum):
    """The shells whose completion is known."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"
    PWSH = "pwsh"


def completion(
    context: typer.Context,
    shell: Annotated[Shell, typer.Argument(metavar="SHELL", show_default=False)],
) -> None:
    """Print the script that completes commands, kinds, and names of tasks, agents and pools.

    Names are asked of the server when the tab key is pressed, for a second at most.

    k8s4r completion bash > ~/.local/share/bash-completion/completions/k8s4r
    k8s4r completion zsh > ~/.zfunc/_k8s4r
    k8s4r completion fish > ~/.config/fish/completions/k8s4r.fish
    """
    session: Session = context.obj
    script = get_completion_script(
        prog_name="k8s4r", complete_var="_K8S4R_COMPLETE", shell=shell.value
    )
    session.terminal.write(script)


def register(app: typer.Typer, *, panel: str) -> None:
    """Add the command."""
    app.command(rich_help_panel=panel)(completion)
