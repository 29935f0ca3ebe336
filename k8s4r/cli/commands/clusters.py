"""`k8s4r create k8s-config` and `k8s4r test`: ways into clusters, made and tried."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from k8s4r.cli import documents, finding, kinds, making, options, several
from k8s4r.cli.cluster_kinds import K8S_CONFIG
from k8s4r.cli.errors import CliError, Usage
from k8s4r.cli.output import MACHINE
from k8s4r.cli.session import Session


def create_config(  # noqa: PLR0913 - one argument for each flag
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", show_default=False)],
    *,
    project: options.Project = None,
    kubeconfig: Annotated[
        str | None, typer.Option(metavar="FILE", help="One cluster, user and context; - is stdin.")
    ] = None,
    server: Annotated[str | None, typer.Option(help="The cluster, as https://host:port.")] = None,
    cluster_ca: Annotated[
        str | None, typer.Option(metavar="FILE", help="Its certificate authority, PEM.")
    ] = None,
    token_from: Annotated[
        str | None, typer.Option(metavar="FILE", help="Token of the account; - is stdin.")
    ] = None,
    namespace: Annotated[str | None, typer.Option("--namespace", "-n", help="Of the pods.")] = None,
    account: Annotated[str | None, typer.Option(help="Service account of the pods.")] = None,
    default: Annotated[bool, typer.Option("--default", help="For pools that name none.")] = False,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="FIELD=VALUE", help="Any other field of the API."),
    ] = None,
    dry_run: options.Dry = None,
    format_: options.Output = None,
) -> None:
    """Connect a cluster; `k8s4r test k8s-config NAME` says whether all is well.

    k8s4r create k8s-config prod --server https://k8s.example.org:6443 --cluster-ca ca.pem \
--token-from token
    k8s4r create k8s-config lab --kubeconfig lab.yaml -n k8s4r-pods --account k8s4r-agent
    kubectl create token k8s4r -n k8s4r-pods | k8s4r create k8s-config prod --server ... \
--token-from -
    """
    session: Session = context.obj
    wanted = {
        "name": name,
        "project": session.project(project),
        "kubeconfig": _text(kubeconfig),
        "server": server,
        "ca_data": _text(cluster_ca),
        "token": (_text(token_from) or "").strip(),
        "namespace": namespace,
        "service_account_name": account,
        "is_default": default or None,
        **documents.fields(settings or ()),
    }
    body = {key: value for key, value in wanted.items() if value not in (None, "")}
    making.make(session, K8S_CONFIG, body, format_, dry_run)


def try_out(
    context: typer.Context,
    what: Annotated[
        list[str],
        typer.Argument(
            metavar="KIND NAME", show_default=False, autocompletion=options.complete_reference
        ),
    ],
    format_: Annotated[str | None, typer.Option("--output", "-o", help="json or yaml.")] = None,
) -> None:
    """Look at a cluster now: reach, certificate, expiry, identity, each verb that is needed.

    k8s4r test k8s-config prod
    k8s4r test k8s-config/prod k8s-config/lab
    k8s4r test k8s-config prod -o json
    """
    session: Session = context.obj
    chosen = session.choose(format_)
    kind, names = kinds.split(what)
    if kind is not K8S_CONFIG:
        raise Usage(f"{kind.name}s are not tested", hint="k8s4r test k8s-config NAME")
    if not names:
        raise Usage("which k8s-config?", hint="k8s4r get k8s-configs lists them")

    def one(name: str) -> None:
        found = finding.one(session.client, kind, name, session.terminal, to_act=True)
        report = session.client.post(f"{kind.path}/{found['id']}/test", {})
        if chosen in MACHINE:
            session.write_object(report, kind=kind.name)
        else:
            write_report(session, report)
        if not report["healthy"]:
            raise CliError(f"k8s-config/{found['name']} is not as it should be")

    several.each(session, names, one)


def write_report(session: Session, report: Mapping[str, Any]) -> None:
    """Write what a look at a cluster told, and what to do."""
    for step in report["steps"]:
        mark = "ok  " if step["ok"] else "FAIL"
        detail = f": {step['detail']}" if step["detail"] else ""
        session.terminal.write(f"{mark} {step['name']}{detail}")
    advice = dict.fromkeys(step["advice"] for step in report["steps"] if step["advice"])
    for sentence in advice:
        session.terminal.write(f"  -> {sentence}")


def register(app: typer.Typer, *, panel: str) -> None:
    """Add the command."""
    app.command("test", rich_help_panel=panel)(try_out)


def _text(name: str | None) -> str | None:
    """Return what stands in a file; ``None``: none is named.

    Raises:
        Usage: it cannot be read.
    """
    if name is None:
        return None
    try:
        return sys.stdin.read() if name == "-" else Path(name).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Usage(f"cannot read {name}: {error}") from error
