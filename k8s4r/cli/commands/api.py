"""`k8s4r api`: any call of the REST API, with this command's server and token."""

import json
from typing import Annotated, Any, Final

import typer

from k8s4r.cli import output, values
from k8s4r.cli.errors import Usage
from k8s4r.cli.session import Session

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})
_ROOT: Final = "/api/v1/"


def api(
    context: typer.Context,
    method: Annotated[str, typer.Argument(metavar="METHOD", show_default=False)],
    path: Annotated[str, typer.Argument(metavar="PATH", show_default=False)],
    data: Annotated[
        str | None, typer.Option("--data", "-d", help="JSON body: text, @file, or - for stdin.")
    ] = None,
    key: Annotated[
        str | None, typer.Option("--idempotency-key", help="Say so when you repeat a create.")
    ] = None,
) -> None:
    """Call the REST API and print its answer.

    A path without a leading / begins at /api/v1/.

    k8s4r api GET tasks?limit=1
    k8s4r api POST tasks -d '{"spec": {"argv": ["uname", "-a"]}}'
    k8s4r api GET /readyz
    """
    session: Session = context.obj
    if method.upper() not in _METHODS:
        raise Usage(f"no method {method!r}; there are {', '.join(sorted(_METHODS))}")
    answer = session.client.call(
        method.upper(),
        path if path.startswith("/") else _ROOT + path,
        body=_json(data),
        headers={"Idempotency-Key": key} if key else {},
    )
    if "json" in answer.headers.get("content-type", ""):
        session.terminal.write(output.as_json(answer.json()))
    elif answer.content:
        session.terminal.write_bytes(answer.content)


def register(app: typer.Typer, *, panel: str) -> None:
    """Add the command."""
    app.command(rich_help_panel=panel)(api)


def _json(data: str | None) -> Any:
    if data is None:
        return None
    try:
        return json.loads(values.body(data))
    except ValueError as error:
        raise Usage(f"--data is not JSON: {error}") from error
