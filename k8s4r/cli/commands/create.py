"""`k8s4r create`: projects, pools, agents, K8s configs, tokens, and tasks from a file."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

import typer

from k8s4r.cli import documents, making, moments, options, output, values
from k8s4r.cli.cluster_kinds import K8S_CONFIG
from k8s4r.cli.commands import clusters
from k8s4r.cli.errors import Usage
from k8s4r.cli.kinds import AGENT, ENROLMENT, POOL, PROJECT, TASK, TOKEN, Kind
from k8s4r.cli.output import MACHINE
from k8s4r.cli.session import Session

Name = Annotated[str, typer.Argument(metavar="NAME", show_default=False)]
Description = Annotated[str, typer.Option(help="For people.")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="FIELD=VALUE", help="Any other field of the API; repeatable."),
]


def project(  # noqa: PLR0913 - one argument for each flag
    context: typer.Context,
    name: Name,
    *,
    description: Description = "",
    weight: Annotated[float, typer.Option(help="Fair share against other projects.")] = 1.0,
    dry_run: options.Dry = None,
    format_: options.Output = None,
) -> None:
    """Make a project, with its default pool.

    k8s4r create project web
    k8s4r create project web --description "the site" --weight 2
    k8s4r create project web -o json
    """
    body = {"name": name, "description": description, "weight": weight}
    making.make(context.obj, PROJECT, body, format_, dry_run)


def pool(  # noqa: PLR0913 - one argument for each flag
    context: typer.Context,
    name: Name,
    *,
    project: options.Project = None,
    static: Annotated[
        bool, typer.Option("--static", help="Its agents are listed, not chosen by labels.")
    ] = False,
    require: options.Required = None,
    max_concurrent: Annotated[int | None, typer.Option(min=1, help="Tasks at once.")] = None,
    max_per_owner: Annotated[int | None, typer.Option(min=1, help="Of one person.")] = None,
    k8s: Annotated[bool, typer.Option("--k8s", help="Pods of the default K8s config.")] = False,
    k8s_config: Annotated[str | None, typer.Option(help="Pods of this K8s config.")] = None,
    pod_per_task: Annotated[
        bool, typer.Option("--pod-per-task", help="One pod for each task, not three slots.")
    ] = False,
    min_: Annotated[int | None, typer.Option("--min", min=0, help="Pods at least.")] = None,
    max_: Annotated[int | None, typer.Option("--max", min=0, help="Pods at most.")] = None,
    description: Description = "",
    settings: Settings = None,
    dry_run: options.Dry = None,
    format_: options.Output = None,
) -> None:
    """Make a pool: a queue, and the agents that take from it.

    k8s4r create pool builds
    k8s4r create pool gpus --require gpu=a100 --max-per-owner 4
    k8s4r create pool plans --k8s --min 0 --max 50
    k8s4r create pool robots --static -p lab --set paused=true
    """
    session: Session = context.obj
    wanted = {
        "name": name,
        "project": session.project(project),
        "pool_type": "static" if static else "dynamic",
        "required_labels": values.pairs(require or (), flag="--require"),
        "max_concurrent": max_concurrent,
        "max_per_owner": max_per_owner,
        "description": description,
        **documents.fields(settings or ()),
    }
    body = {key: value for key, value in wanted.items() if value not in (None, {}, "")}
    pods = {"config": k8s_config, "mode": "task" if pod_per_task else None}
    body |= _pods(pods | {"min_pods": min_, "max_pods": max_}, wanted=k8s)
    making.make(session, POOL, body, format_, dry_run)


def agent(  # noqa: PLR0913 - one argument for each flag
    context: typer.Context,
    name: Name,
    *,
    project: options.Project = None,
    label: Annotated[
        list[str] | None, typer.Option("--label", "-l", metavar="KEY=VALUE", help="Its label.")
    ] = None,
    description: Description = "",
    endpoint: Annotated[
        str, typer.Option(help="Where you reach the machine: a URL, or host:port.")
    ] = "",
    dry_run: options.Dry = None,
    format_: options.Output = None,
) -> None:
    """Make an agent and print its token, once; `k8s4r agent add` is the shorter way.

    k8s4r create agent web-1 > token
    k8s4r create agent web-1 --label rack=7 -p web > token
    k8s4r create agent web-1 -o json
    """
    session: Session = context.obj
    wanted = {
        "name": name,
        "project": session.project(project),
        "labels": values.pairs(label or (), flag="--label"),
        "description": description,
        "endpoint": endpoint,
    }
    body = {key: value for key, value in wanted.items() if value not in (None, {}, "")}
    making.make(session, AGENT, body, format_, dry_run)


def token(  # noqa: PLR0913 - one argument for each flag
    context: typer.Context,
    label: Annotated[str, typer.Argument(metavar="LABEL", show_default=False)],
    *,
    days: Annotated[int, typer.Option(min=1, max=90, help="How long it is good.")] = 90,
    project: Annotated[
        str | None, typer.Option("--project", "-p", help="It reaches this project alone.")
    ] = None,
    scope: Annotated[
        list[str] | None,
        typer.Option("--scope", metavar="PERMISSION", help="It may this alone; repeatable."),
    ] = None,
    dry_run: options.Dry = None,
    format_: options.Output = None,
) -> None:
    """Make an API token of yours and print it, once.

    k8s4r create token ci > token
    k8s4r create token ci --days 7 -p web > token
    k8s4r create token dashboard --scope tasks.read --scope fleet.read > token
    """
    wanted = {"project": project, "scopes": scope}
    chosen = {name: value for name, value in wanted.items() if value}
    body = {"label": label, "lifetime_days": days, **chosen}
    making.make(context.obj, TOKEN, body, format_, dry_run)


def enrolment_token(  # noqa: PLR0913 - one argument for each flag
    context: typer.Context,
    label: Annotated[str, typer.Argument(metavar="[LABEL]", show_default=False)] = "",
    *,
    project: options.Project = None,
    pool: Annotated[str, typer.Option(help="Its agents may work here at once.")] = "default",
    uses: Annotated[int, typer.Option(min=1, help="For so many agents.")] = 1,
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="Good until: 8h, or a written time.")
    ] = None,
    dry_run: options.Dry = None,
    format_: options.Output = None,
) -> None:
    """Make a token with which agents register themselves, and print it, once.

    k8s4r create enrolment-token > token
    k8s4r create enrolment-token rack-7 --uses 40 --until 8h > token
    k8s4r create enrolment-token --pool gpus -o json
    """
    session: Session = context.obj
    wanted = {
        "label": label,
        "project": session.project(project),
        "pool": pool,
        "max_uses": uses,
        "expires_at": until and moments.to_come(until, session.client.now(), flag="--until"),
    }
    body = {key: value for key, value in wanted.items() if value not in (None, "")}
    making.make(session, ENROLMENT, body, format_, dry_run)


def task(
    context: typer.Context,
    file: Annotated[
        str, typer.Option("--file", "-f", metavar="FILE", help="YAML or JSON; - for stdin.")
    ],
    *,
    dry_run: options.Dry = None,
    format_: options.Output = None,
) -> None:
    """Submit the tasks of a file, all of them or none; `k8s4r run` takes a command.

    k8s4r create task -f build.yaml
    k8s4r create task -f build.yaml --dry-run client
    k8s4r get task TASK -o json --jq '{spec, labels, required_labels}' | k8s4r create task -f -
    """
    session: Session = context.obj
    chosen = session.choose(format_)
    body = [
        {key: value for key, value in document.items() if (key, value) != ("kind", TASK.name)}
        for document in documents.read(file)
    ]
    making.refuse_server(dry_run)
    if dry_run:
        session.terminal.write(output.as_json(body))
        return
    made = session.client.post(TASK.path, body)["items"]
    if chosen in MACHINE:
        session.write_list(made, kind=TASK.name, following=None)
        return
    for each in made:
        session.terminal.write(f"task/{each['id']} submitted")


def register(app: typer.Typer, *, panel: str) -> None:
    """Add the commands."""
    group = typer.Typer(
        no_args_is_help=True, help="Make projects, pools, agents, K8s configs, tokens, tasks."
    )
    commands: Sequence[tuple[Kind, Callable[..., None]]] = (
        (PROJECT, project),
        (POOL, pool),
        (AGENT, agent),
        (TOKEN, token),
        (ENROLMENT, enrolment_token),
        (TASK, task),
        (K8S_CONFIG, clusters.create_config),
    )
    for kind, command in commands:
        for word in sorted(kind.words):
            group.command(word, hidden=word != kind.name)(command)
    app.add_typer(group, name="create", rich_help_panel=panel)


def _pods(said: Mapping[str, Any], *, wanted: bool) -> dict[str, Any]:
    """Return what is said about pods as a field of a pool; naming a config wants them too.

    Raises:
        Usage: something is said about pods, and none are wanted.
    """
    given = {name: value for name, value in said.items() if value is not None}
    if wanted or "config" in given:
        return {"k8s": given}
    if given:
        raise Usage("--min, --max and --pod-per-task are about pods", hint="with --k8s")
    return {}
