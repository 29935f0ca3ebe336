"""Which verbs does `k8s4r` have, and which flags stand before them?"""

from pathlib import Path
from typing import Annotated

import typer

from k8s4r.cli.commands import (
    agent,
    api,
    apply,
    audit,
    backups,
    cancel,
    clusters,
    completion,
    config,
    create,
    decide,
    delete,
    describe,
    doctor,
    events,
    explain,
    get,
    history,
    login,
    logs,
    platform,
    rerun,
    rotate,
    run,
    share,
    steer,
    top,
    version,
    wait,
    why,
)
from k8s4r.cli.session import Session
from k8s4r.cli.settings import Flags

app = typer.Typer(
    name="k8s4r",
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode="rich",
)


@app.callback()
def root(  # noqa: PLR0913 - one argument for each flag
    context: typer.Context,
    *,
    url: Annotated[str | None, typer.Option(help="Server; else K8S4R_API_URL.")] = None,
    token_file: Annotated[
        Path | None, typer.Option(help="File with the API token; else K8S4R_TOKEN_FILE.")
    ] = None,
    ca_file: Annotated[
        Path | None, typer.Option(help="Certificates to trust; else K8S4R_CA_FILE.")
    ] = None,
    named: Annotated[
        str | None, typer.Option("--context", help="One of `k8s4r context list`.")
    ] = None,
    no_color: Annotated[bool, typer.Option("--no-color", help="Never write colour.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No notes on stderr.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Each request, its answer and its id on stderr.")
    ] = False,
    show_version: Annotated[
        bool, typer.Option("--version", help="The version of this command.")
    ] = False,
) -> None:
    """Run commands on a fleet of machines, and see what became of them.

    On the machine where `k8s4r up` runs, nothing needs to be configured.

    k8s4r run -- make test
    k8s4r get tasks --state running
    k8s4r logs -f TASK
    """
    if show_version:
        version.version(context)
        raise typer.Exit
    if context.invoked_subcommand is None:
        context.get_help()
        return
    session: Session = context.obj
    session.flags = Flags(url, token_file, ca_file, named)
    session.verbose = verbose or session.environment.get("K8S4R_LOG_LEVEL", "").lower() == "debug"
    session.terminal.quiet = quiet
    if no_color:
        session.terminal.colour_wanted = False


for module in (run, get, describe, logs, events, why, wait, decide, cancel, rerun):
    module.register(app, panel="Tasks")
for module in (agent, steer, rotate, explain, top, clusters):
    module.register(app, panel="Agents and pools")
for module in (create, apply, delete, share):
    module.register(app, panel="Making and sharing")
platform.register(app)
for module in (history, audit):
    module.register(app, panel="History")
backups.register(app)
for module in (login, config):
    module.register(app, panel="Servers")
for module in (doctor, api, completion, version):
    module.register(app, panel="Tools")
