"""`k8s4r api`: any call of the REST API, with this command's server and token."""

import json
from typing import Annotated, Any, Final

import typer

from k8s4r.cli import options, output, querying, values
from k8s4r.cli.errors import Usage
from k8s4r.cli.session import Session

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
_ROOT: Final = "/api/v1/"
_OUTSIDE: Final = frozenset({"/healthz", "/readyz", "/metrics"})


def api(  # noqa: PLR0913 - one argument for each flag
    context: typer.Context,
    *,
    method: Annotated[str, typer.Argument(metavar="METHOD", show_default=False)],
    path: Annotated[str, typer.Argument(metavar="PATH", show_default=False)],
    data: Annotated[
        str | None, typer.Option("--data", "-d", help="JSON body: text, @file, or - for stdin.")
    ] = None,
    key: Annotated[
        str | None, typer.Option("--idempotency-key", help="Say so when you repeat a create.")
    ] = None,
    jq: options.Jq = None,
) -> None:
    """Call the REST API and print its answer.

    A path is one below /api/v1, or a whole one: /api/v1/tasks, /healthz, /readyz, /metrics.

    k8s4r api GET tasks?limit=1
    k8s4r api POST tasks -d '{"spec": {"argv": ["uname", "-a"]}}'
    k8s4r api GET agents --jq '.items[].name'
    k8s4r api GET /readyz
    """
    session: Session = context.obj
    if method.upper() not in _METHODS:
        raise Usage(f"no method {method!r}; there are {', '.join(sorted(_METHODS))}")
    answer = session.client.call(
        method.upper(),
        _whole(path),
        body=_json(data),
        headers={"Idempotency-Key": key} if key else {},
    )
    if "json" in answer.headers.get("content-type", ""):
        found = answer.json()
        for line in querying.results(jq, found) if jq else [output.as_json(found)]:
            session.terminal.write(line)
    elif answer.content:
        session.terminal.write_bytes(answer.content)


def register(app: typer.Typer, *, panel: str) -> None:
    """Add the command."""
    app.command(rich_help_panel=panel)(api)


def _whole(path: str) -> str:
    """Return the path from the root: `/tasks` can only mean the one below /api/v1."""
    is_whole = path.startswith("/api/") or path.partition("?")[0] in _OUTSIDE
    return path if is_whole else _ROOT + path.lstrip("/")


def _json(data: str | None) -> Any:
    if data is None:
        return None
    try:
        return json.loads(values.body(data))
    except ValueError as error:
        raise Usage(f"--data is not JSON: {error}") from error
