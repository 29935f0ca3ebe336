"""How is one thing made from the command line, and what is said of it?"""

from collections.abc import Mapping
from typing import Any, Final

from k8s4r.cli import output
from k8s4r.cli.errors import Usage
from k8s4r.cli.kinds import Kind
from k8s4r.cli.mass import DryRun
from k8s4r.cli.output import MACHINE
from k8s4r.cli.session import Session

_SECRETS: Final = frozenset({"token", "kubeconfig"})


def make(
    session: Session,
    kind: Kind,
    body: Mapping[str, Any],
    format_: str | None,
    dry_run: DryRun | None,
) -> None:
    """Make it; a secret is the only thing on stdout, for it is shown once."""
    chosen = session.choose(format_)
    refuse_server(dry_run)
    if dry_run:
        session.terminal.write(output.as_json(_shown(body)))
        return
    made = session.client.post(kind.path, body)
    called = made.get(kind.named_by) or made["id"]
    if chosen in MACHINE:
        session.write_object(made, kind=kind.name)
    elif "token" in made:
        session.terminal.write(str(made["token"]))
        session.terminal.note(f"{kind.name}/{called} created; its token is shown this once")
    else:
        session.terminal.write(f"{kind.name}/{called} created")


def refuse_server(dry_run: DryRun | None) -> None:
    """Refuse what the server cannot try.

    Raises:
        Usage: it was asked for.
    """
    if dry_run is DryRun.SERVER:
        raise Usage("create has --dry-run client; k8s4r apply compares with the server")


def _shown(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a body as a dry run may show it."""
    return {name: "..." if name in _SECRETS else value for name, value in body.items()}
