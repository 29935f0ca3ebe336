"""`k8s4r delete`: let agents go, end pools, revoke tokens."""

from typing import Annotated, Final

import typer

from k8s4r.cli import finding, kinds, options, prompts, several
from k8s4r.cli.cluster_kinds import K8S_CONFIG
from k8s4r.cli.errors import Usage
from k8s4r.cli.kinds import AGENT, ENROLMENT, POOL, TASK, TOKEN
from k8s4r.cli.mass import DryRun
from k8s4r.cli.session import Session

# What it means for each kind, said before it is agreed to.
_MEANS: Final = {
    AGENT.name: "its tokens end now, what it runs ends with its lease, its history stays",
    POOL.name: "it takes no more tasks; those it has still run",
    K8S_CONFIG.name: "its credential is forgotten; refused while pools have their pods there",
    TOKEN.name: "it is good for nothing from now on",
    ENROLMENT.name: "no further agent can register with it; those it made stay",
}


def delete(
    context: typer.Context,
    what: Annotated[
        list[str],
        typer.Argument(
            metavar="KIND NAME", show_default=False, autocompletion=options.complete_reference
        ),
    ],
    *,
    dry_run: options.Dry = None,
    yes: options.Yes = False,
) -> None:
    """Delete agents, pools or tokens; it says what that means and asks once.

    k8s4r delete agent web-1
    k8s4r delete pool/gpus --yes
    k8s4r delete token ci enrolment-token --dry-run server
    """
    session: Session = context.obj
    kind, names = kinds.split(what)
    if kind.name not in _MEANS:
        hint = "k8s4r cancel ends tasks" if kind is TASK else ""
        raise Usage(f"{kind.name}s are not deleted", hint=hint)
    if not names:
        raise Usage(f"which {kind.name}?", hint=f"k8s4r get {kind.name}s lists them")
    if dry_run is DryRun.CLIENT:
        session.terminal.write("\n".join(f"{kind.name}/{name}" for name in names))
        return
    if dry_run is None:
        listed = ", ".join(f"{kind.name}/{name}" for name in names)
        prompts.confirm(session.terminal, f"delete {listed}? {_MEANS[kind.name]}.", agreed=yes)

    def one(name: str) -> None:
        found = finding.one(session.client, kind, name, session.terminal, to_act=True)
        called = found.get(kind.named_by) or found["id"]
        if dry_run is None:
            session.client.call("DELETE", f"{kind.path}/{found['id']}")
        done = "deleted" if dry_run is None else "would be deleted"
        session.terminal.write(f"{kind.name}/{called} {done}")

    several.each(session, names, one)


def register(app: typer.Typer, *, panel: str) -> None:
    """Add the command."""
    app.command(rich_help_panel=panel)(delete)
