"""`k8s4r get`: lists of tasks, agents, pools, pods, projects and tokens, and single ones."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from k8s4r.cli import kinds, moments, options, places, rows, slot_totals, webpages
from k8s4r.cli.errors import Usage
from k8s4r.cli.kinds import AGENT, DECISION, POOL, TASK, Kind
from k8s4r.cli.listing import Listing, Wanted
from k8s4r.cli.rows import Condition
from k8s4r.cli.session import Session
from k8s4r.cli.values import pairs

What = Annotated[
    list[str],
    typer.Argument(
        metavar="KIND [NAME]", show_default=False, autocompletion=options.complete_reference
    ),
]
State = Annotated[str | None, typer.Option(help="Only this state; tasks: a,b, open.")]
# Which flags filter some kinds only, by the name of their query.
_OF_SOME = {"pool": "--pool", "owner": "--by", "agent": "--agent"}
# How the API calls the time after which things came to be, or held.
_SINCE = {TASK: "created_after", DECISION: "since"}


def get(  # noqa: PLR0913 - one argument for each flag
    context: typer.Context,
    *,
    what: What,
    format_: options.Output = None,
    fields: options.Fields = None,
    jq: options.Jq = None,
    state: State = None,
    label: options.Labels = None,
    field_selector: options.FieldSelector = None,
    project: options.Project = None,
    all_projects: options.AllProjects = False,
    pool: options.Pool = None,
    owner: options.Owner = None,
    agent: options.OnAgent = None,
    since: options.Since = None,
    sort_by: options.SortBy = None,
    limit: options.Limit = 50,
    watch: options.Watch = False,
    no_headers: options.NoHeaders = False,
    web: options.Web = False,
) -> None:
    """List tasks, agents, pools, pods, projects or tokens; the newest tasks and pods first.

    Of a pool also what is on its slots, and the decisions about its size.

    k8s4r get tasks --state open --by me
    k8s4r get agents --state busy --pool gpus -o wide --sort-by -slots.idle
    k8s4r get slots --pool gpus
    k8s4r get task TASK -o json --jq .spec.argv
    k8s4r get tasks --fields name,state,exit_code --field-selector exit_code!=0 --state ended
    """
    session: Session = context.obj
    session.choose(format_, fields=fields, jq=jq)
    kind, names = kinds.split(what)
    if web:
        _show_pages(session, kind, names, pool)
        return
    place = None if all_projects else session.project(project)
    inside = None if places.is_of_a_pool(kind) else pool
    asked = {"project": place, "pool": inside, "owner": owner, "agent": agent}
    query = _query(kind, asked, state, label) | _since(kind, since, session)
    query, rest = _by_the_server(kind, query, rows.conditions(field_selector or ()))
    wanted = Wanted(names=names, query=query, conditions=rest, sort_by=sort_by, limit=limit)
    placed = places.of(session, kind, place, pool)
    listing = Listing(session, placed, wanted)
    listing.show(headers=not no_headers)
    slot_totals.note(session, placed)
    if watch:
        listing.watch()


def register(app: typer.Typer, *, panel: str) -> None:
    """Add the command."""
    app.command(rich_help_panel=panel)(get)


def _show_pages(session: Session, kind: Kind, names: Sequence[str], pool: str | None) -> None:
    """Show what lies in a pool on the page of the pool."""
    if places.is_of_a_pool(kind):
        kind, names = POOL, [pool] if pool else []
    webpages.show(session, kind, names)


def _query(
    kind: Kind, asked: Mapping[str, str | None], state: str | None, labels: list[str] | None
) -> dict[str, Any]:
    """Return the filters as the API takes them.

    Raises:
        Usage: a filter means nothing for this kind.
    """
    query: dict[str, Any] = {name: value for name, value in asked.items() if value}
    for name, flag in _OF_SOME.items():
        if name in query and name not in kind.filters.values():
            raise Usage(f"{flag} does not filter {kind.name}s")
    if "project" in query and "project" not in kind.filters:
        del query["project"]
    if labels:
        if kind not in {TASK, AGENT}:
            raise Usage(f"{kind.name}s are not selected by label")
        query["label"] = [f"{key}={value}" for key, value in pairs(labels, flag="-l").items()]
    return query | _states(kind, state)


def _states(kind: Kind, text: str | None) -> dict[str, str]:
    """Return the query of ``--state a,b``."""
    query: dict[str, str] = {}
    for word in text.split(",") if text else ():
        if word not in kind.states:
            raise Usage(f"--state {word!r}: {kind.name}s have {', '.join(kind.states) or 'none'}")
        for name, value in kind.states[word].items():
            query[name] = f"{query[name]},{value}" if name in query else value
    return query


def _since(kind: Kind, text: str | None, session: Session) -> dict[str, str]:
    if text is None:
        return {}
    if kind not in _SINCE:
        raise Usage(f"--since filters tasks and decisions, not {kind.name}s")
    return {_SINCE[kind]: moments.since(text, session.client.now(), flag="--since")}


def _by_the_server(
    kind: Kind, query: dict[str, Any], conditions: Sequence[Condition]
) -> tuple[dict[str, Any], list[Condition]]:
    """Give the server the conditions that it knows; return the others."""
    rest = []
    for condition in conditions:
        name = kind.filters.get(condition.path)
        if name is None or condition.negated or name in query:
            rest.append(condition)
        else:
            query[name] = condition.value
    return query, rest
