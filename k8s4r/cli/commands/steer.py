"""`k8s4r drain`, `pause`, `resume`: what people want of agents; `drain` also of pods."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from k8s4r.cli import finding, leaving, moments, options, pod_acts, several, values
from k8s4r.cli.errors import ExitCode, Usage
from k8s4r.cli.kinds import AGENT
from k8s4r.cli.options import Timeout
from k8s4r.cli.session import Session

Agents = Annotated[
    list[str],
    typer.Argument(metavar="AGENT", show_default=False, autocompletion=options.complete_agent),
]
Drained = Annotated[
    list[str],
    typer.Argument(metavar="AGENT", show_default=False, autocompletion=options.complete_drained),
]
Note = Annotated[
    str | None, typer.Option(help="Why; shown wherever the agent is, and on what it delays.")
]
Until = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="People expect it back then; it ends nothing by itself."),
]
Wait = Annotated[bool, typer.Option("--wait", "-w", help="Until nothing is left on them.")]


def drain(  # noqa: PLR0913 - one argument for each flag
    context: typer.Context,
    agents: Drained,
    *,
    note: Note = None,
    until: Until = None,
    wait: Wait = False,
    timeout: Timeout = None,
) -> None:
    """Let agents finish what they run, and give them nothing more.

    This never ends by itself: `k8s4r resume` does. With --wait it names what is left, and returns
    when the machines may be switched off. A pod (pod/NAME) is deleted once it is idle.

    k8s4r drain web-1
    k8s4r drain web-1 --note "disk swap" --wait
    k8s4r drain web-1 web-2 --wait --timeout 30m && ssh web-1 poweroff
    k8s4r drain pod/k8s4r-gpus-4f1d2a9c7e30 --wait
    """
    session: Session = context.obj
    if timeout and not wait:
        raise Usage("--timeout goes with --wait")
    limit_s = values.duration_s(timeout, flag="--timeout") if timeout else None
    in_pods = [name for name in map(pod_acts.named, agents) if name is not None]
    machines = [name for name in agents if pod_acts.named(name) is None]
    drained = ask(session, machines, "drain", _body(session, note, until)) if machines else []
    pods: list[Mapping[str, Any]] = []
    several.each(session, in_pods, lambda name: pods.append(pod_acts.drain(session, name, note)))
    if wait:
        try:
            leaving.wait_until_safe(session, drained, limit_s)
            pod_acts.wait_until_left(session, pods, limit_s)
        except KeyboardInterrupt:
            session.terminal.note_below("stopped waiting; they still drain. k8s4r resume ends that")
            raise typer.Exit(ExitCode.INTERRUPTED) from None


def pause(
    context: typer.Context, agents: Agents, *, note: Note = None, until: Until = None
) -> None:
    """Give agents no new work until they are resumed; what they run goes on.

    k8s4r pause web-1
    k8s4r pause web-1 web-2 --note "network maintenance"
    k8s4r get agents -l rack=7 -o name | xargs k8s4r pause
    """
    session: Session = context.obj
    ask(session, agents, "pause", _body(session, note, until))


def resume(context: typer.Context, agents: Agents) -> None:
    """Let agents get work again.

    k8s4r resume web-1
    k8s4r resume web-1 web-2
    k8s4r get agents --state draining -o name | xargs k8s4r resume
    """
    ask(context.obj, agents, "resume", {})


def register(app: typer.Typer, *, panel: str) -> None:
    """Add the commands."""
    for command in (drain, pause, resume):
        app.command(rich_help_panel=panel)(command)
    # What fingers that know kubectl type.
    app.command("cordon", hidden=True)(pause)
    app.command("uncordon", hidden=True)(resume)


def _body(session: Session, note: str | None, until: str | None) -> dict[str, Any]:
    body: dict[str, Any] = {"note": note} if note else {}
    if until:
        body["until"] = moments.to_come(until, session.client.now(), flag="--until")
    return body


def ask(
    session: Session, names: Sequence[str], word: str, body: Mapping[str, Any]
) -> Sequence[Mapping[str, Any]]:
    """Ask it of one after the other; return those that took it."""
    took: list[Mapping[str, Any]] = []

    def one(name: str) -> None:
        found = finding.one(session.client, AGENT, name, session.terminal, to_act=True)
        after = session.client.post(f"{AGENT.path}/{found['id']}/{word}", body)
        session.terminal.write(f"agent/{after['name']} {after['desired']}, {after['status']}")
        took.append(after)

    several.each(session, names, one)
    return took
