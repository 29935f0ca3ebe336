"""`k8s4r login`, `auth status`, `context`: which servers we know, and who we are there."""

import sys
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from k8s4r.cli import ages, contexts, options, prompts, settings, suggestions
from k8s4r.cli.client import Client
from k8s4r.cli.contexts import Contexts
from k8s4r.cli.errors import CliError, ExitCode, Usage
from k8s4r.cli.output import MACHINE
from k8s4r.cli.session import Session
from k8s4r.cli.settings import Settings, Sourced


def login(
    context: typer.Context,
    url: Annotated[str | None, typer.Argument(metavar="[URL]", show_default=False)] = None,
    *,
    name: Annotated[
        str | None, typer.Option("--name", help="Remember it under this name; else its host.")
    ] = None,
    token_stdin: Annotated[
        bool, typer.Option("--token-stdin", help="Read the token from stdin.")
    ] = False,
    ca_file: Annotated[
        Path | None, typer.Option("--trust", help="Certificates to trust there.")
    ] = None,
) -> None:
    """Check a token with a server and remember both; it is then the one in use.

    The token is kept in a file of its own that only you can read.

    k8s4r login https://k8s4r.example.com
    k8s4r login https://k8s4r.example.com --name prod --token-stdin < token
    k8s4r login --name prod
    """
    session: Session = context.obj
    config = settings.user_file(session.environment)
    known = contexts.read(config)
    address = _address(session, known, url, name)
    called = contexts.check_name(name or urlsplit(address).netloc.replace(":", "-"))
    token = sys.stdin.read().strip() if token_stdin else _asked(session, address)
    if not token:
        raise Usage("no token was given")
    trusted = Sourced(str(ca_file.resolve()), "--trust") if ca_file else None
    user = _user(Settings(Sourced(address, "URL"), Sourced(token, "login"), trusted, None))
    token_file = config.parent / "tokens" / called
    contexts.write_private(token_file, token + "\n")
    known.known[called] = {
        **known.known.get(called, {}),
        "api_url": address,
        "token_file": str(token_file),
        **({"ca_file": trusted.value} if trusted else {}),
    }
    known.current = called
    known.save()
    session.terminal.note(f"you are {user} at {address}; context {called} is in use")


def auth_status(context: typer.Context, format_: options.Output = None) -> None:
    """Show which server and token are in use, and whether the token is good; exit code 4 if not.

    k8s4r auth status
    k8s4r --context prod auth status
    k8s4r auth status -o json
    """
    session: Session = context.obj
    chosen = session.choose(format_)
    found = session.settings
    facts: dict[str, Any] = {"id": found.require_url(), "url": found.require_url()}
    facts["context"] = found.context.value if found.context else None
    if found.token is None:
        raise CliError(
            "no token is known", exit_code=ExitCode.NOT_ALLOWED, hint="k8s4r login asks for one"
        )
    facts["token"] = found.token.origin
    facts["user"] = session.client.get("/api/v1/about")["user"]
    own, _ = session.client.items("/api/v1/tokens", {}, limit=1_000)
    mine = next((row for row in own if f"_{row['key_id']}_" in found.token.value), None)
    facts["expires_at"] = mine["expires_at"] if mine else None
    if chosen in MACHINE:
        session.write_object(facts, kind="auth")
        return
    facts["expires in"] = ages.left(facts.pop("expires_at"), session.client.server_time)
    for title, value in facts.items():
        if title != "id" and value is not None:
            session.terminal.write(f"{title:<10}  {value}")


def use(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", show_default=False)],
) -> None:
    """Use another server from now on.

    k8s4r context use prod
    k8s4r context use k8s4r.example.com
    K8S4R_CONTEXT=prod k8s4r get tasks      # for one command only
    """
    session: Session = context.obj
    known = contexts.read(settings.user_file(session.environment))
    if name not in _all(session, known):
        known.chosen(name)
    known.current = name
    known.save()
    session.terminal.write(name)


def list_contexts(context: typer.Context, format_: options.Output = None) -> None:
    """List the servers that are known by name; the one in use has a star.

    k8s4r context list
    k8s4r context list -o json
    k8s4r context list -o name
    """
    session: Session = context.obj
    chosen = session.choose(format_)
    known = contexts.read(settings.user_file(session.environment))
    current = session.settings.context.value if session.settings.context else known.current
    rows = [
        {"id": name, "current": name == current, **facts}
        for name, facts in sorted(_all(session, known).items())
    ]
    if chosen in MACHINE:
        session.write_list(rows, kind="context", following=None)
        return
    for row in rows:
        star = "*" if row["current"] else " "
        session.terminal.write(f"{star} {row['id']:<24}  {row['api_url']}")
    if not rows:
        session.terminal.note("no contexts; k8s4r login URL makes one")


def register(app: typer.Typer, *, panel: str) -> None:
    """Add the commands."""
    app.command(rich_help_panel=panel)(login)
    auth = typer.Typer(no_args_is_help=True, help="Who you are there.")
    auth.command("status")(auth_status)
    auth.callback()(_auth)
    app.add_typer(auth, name="auth", rich_help_panel=panel)
    places = typer.Typer(no_args_is_help=True, help="The servers that you know by name.")
    places.command("use")(use)
    places.command("list")(list_contexts)
    app.add_typer(places, name="context", rich_help_panel=panel)


def _auth() -> None:
    """Who you are there."""


def _all(session: Session, known: Contexts) -> dict[str, Any]:
    """Return the contexts that were remembered, and those in the user's own settings."""
    return {**known.known, **settings.own_contexts(session.environment)}


def _address(session: Session, known: Contexts, url: str | None, name: str | None) -> str:
    """Return the server that is meant: the one named, of that context, or the one in use."""
    if url is None and name in known.known:
        return known.known[name]["api_url"]
    address = url or session.settings.require_url()
    if not address.startswith(("http://", "https://")):
        raise Usage(
            f"{address!r} is no address",
            hint=suggestions.hint("write it with its scheme:", f"https://{address}"),
        )
    return address.rstrip("/")


def _asked(session: Session, address: str) -> str:
    session.terminal.note(f"a token of yours: {address}/admin/account/tokens/")
    return prompts.secret(session.terminal, "token", flag="--token-stdin")


def _user(found: Settings) -> str:
    client = Client(found)
    try:
        return str(client.get("/api/v1/about")["user"])
    finally:
        client.close()
