"""`k8s4r rotate`: a new token for an agent, without a moment in which it has none."""

import threading
import time
from collections.abc import Mapping
from typing import Annotated, Any, Final

import typer

from k8s4r.cli import finding, options, several, values
from k8s4r.cli.errors import CliError, ExitCode
from k8s4r.cli.kinds import AGENT
from k8s4r.cli.options import Timeout
from k8s4r.cli.session import Session

_EVERY_S: Final = 0.5


def rotate(
    context: typer.Context,
    agents: Annotated[
        list[str],
        typer.Argument(metavar="AGENT", show_default=False, autocompletion=options.complete_agent),
    ],
    *,
    wait: Annotated[
        bool, typer.Option("--wait", "-w", help="Until the old token is dead.")
    ] = False,
    timeout: Timeout = None,
) -> None:
    """Give agents new tokens over their own connection.

    The new token goes out with the next heartbeat. Both are valid until the agent uses the new one;
    the old one is then dead. An agent that is away gets it when it is back.

    k8s4r rotate agent/web-1
    k8s4r rotate web-1 web-2 --wait --timeout 2m
    k8s4r get agents -o name | xargs k8s4r rotate
    """
    session: Session = context.obj
    limit_s = values.duration_s(timeout, flag="--timeout") if timeout else None

    def one(name: str) -> None:
        found = finding.one(session.client, AGENT, name, session.terminal, to_act=True)
        session.client.post(f"{AGENT.path}/{found['id']}/regenerate-token", {"rotate": True})
        if not wait:
            session.terminal.write(f"agent/{found['name']} rotating")
            return
        _until_rotated(session, found, limit_s)
        session.terminal.write(f"agent/{found['name']} rotated")

    several.each(session, agents, one)


def register(app: typer.Typer, *, panel: str) -> None:
    """Add the command."""
    app.command(rich_help_panel=panel)(rotate)


def _until_rotated(session: Session, agent: Mapping[str, Any], limit_s: int | None) -> None:
    """Return when the agent has used its new token.

    Raises:
        CliError: the time is up; it is still due.
    """
    deadline = None if limit_s is None else time.monotonic() + limit_s
    pause = threading.Event()
    told = ""
    while True:
        status = session.client.get(f"{AGENT.path}/{agent['id']}/status")
        if status["rotation"] == "current":
            return
        if status["rotation"] == "none":
            raise CliError(f"agent {agent['name']} has no token that could be rotated")
        if deadline is not None and time.monotonic() >= deadline:
            raise CliError(
                f"the time is up: agent {agent['name']} is {status['observed']}, its token is"
                f" {status['rotation']}",
                exit_code=ExitCode.TIMED_OUT,
                hint="it gets the new token when it is back; nothing else is to be done",
            )
        if told != (told := _said(status)):
            session.terminal.note(f"agent/{agent['name']} {told}")
        pause.wait(_EVERY_S)


def _said(status: Mapping[str, Any]) -> str:
    if status["observed"] != "online":
        return f"is {status['observed']}: it gets the new token when it is back"
    return {"due": "gets it with its next heartbeat", "handed_out": "has it, not used yet"}[
        status["rotation"]
    ]
