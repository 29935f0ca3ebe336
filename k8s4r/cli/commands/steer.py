"""`k8s4r drain`, `pause`, `resume`: what people want of agents; `drain` also of pods."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from k8s4r.cli import agent_acts, leaving, moments, options, pod_acts, several, values
from k8s4r.cli.errors import ExitCode, Usage
from k8s4r.cli.leaving import Leaver
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
    body = _body(session, note, until)
    leavers: list[Leaver] = []

    def one(name: str) -> None:
        pod = pod_acts.named(name)
        if pod is None:
            agent = agent_acts.ask(session, name, "drain", body)
            leavers.append(agent_acts.leaver(session, agent))
        else:
            leavers.append(pod_acts.leaver(session, pod_acts.drain(session, pod, note)))

    several.each(session, agents, one)
    if wait:
        _wait(session, leavers, limit_s)


def pause(
    context: typer.Context, agents: Agents, *, note: Note = None, until: Until = None
) -> None:
    """Give agents no new work until they are resumed; what they run goes on.

    k8s4r pause web-1
    k8s4r pause web-1 web-2 --note "network maintenance"
    k8s4r get agents -l rack=7 -o name | xargs k8s4r pause
    """
    session: Session = context.obj
    body = _body(session, note, until)
    several.each(session, agents, lambda name: agent_acts.ask(session, name, "pause", body))


def resume(context: typer.Context, agents: Agents) -> None:
    """Let agents get work again.

    k8s4r resume web-1
    k8s4r resume web-1 web-2
    k8s4r get agents --state draining -o name | xargs k8s4r resume
    """
    session: Session = context.obj
    several.each(session, agents, lambda name: agent_acts.ask(session, name, "resume", {}))


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


def _wait(session: Session, leavers: Sequence[Leaver], limit_s: int | None) -> None:
    try:
        leaving.wait_until_safe(session, leavers, limit_s)
    except KeyboardInterrupt:
        session.terminal.note_below(f"stopped waiting; {_goes_on(leavers)}")
        raise typer.Exit(ExitCode.INTERRUPTED) from None


def _goes_on(leavers: Sequence[Leaver]) -> str:
    """Return what becomes of them without us: a pod does not come back from it."""
    pods = sum(one.name.startswith("pod/") for one in leavers)
    if pods == len(leavers):
        return "they still go once they are idle"
    of_agents = " of agents; pods go once they are idle" if pods else ""
    return f"they still drain. k8s4r resume ends that{of_agents}"
