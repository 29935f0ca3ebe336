"""`k8s4r doctor`: each connection with its version, one line per check."""

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, Final

import typer
from rich.text import Text

from k8s4r.cli import __version__, ages
from k8s4r.cli.errors import CliError, ExitCode
from k8s4r.cli.output import MACHINE
from k8s4r.cli.session import Session
from k8s4r.cli.terminal import clean

OLD_BACKUP: Final = timedelta(days=2)


class Verdict(StrEnum):
    """How a check went."""

    OK = "ok"
    NOTE = "note"
    BAD = "bad"


_STYLES = {Verdict.OK: "green", Verdict.NOTE: "yellow", Verdict.BAD: "bold red"}


@dataclass(frozen=True, slots=True)
class Check:
    """One line: what was looked at, and what was found."""

    name: str
    verdict: Verdict
    found: str


def doctor(
    context: typer.Context,
    format_: Annotated[str | None, typer.Option("--output", "-o", help="json or jsonl.")] = None,
) -> None:
    """Check every connection; exit code 1 when one of them is bad.

    k8s4r doctor
    k8s4r doctor -o json
    k8s4r --url http://10.0.0.5:8420 doctor
    """
    session: Session = context.obj
    chosen = session.choose(format_)
    checks = []
    for check in _checks(session):
        checks.append(check)
        if chosen not in MACHINE:
            line = Text(f"{check.verdict:<4}  ", _STYLES[check.verdict])
            session.terminal.print(line + Text(f"{check.name:<9}  {clean(check.found)}"))
    if chosen in MACHINE:
        rows = [{"id": check.name, **asdict(check)} for check in checks]
        session.write_list(rows, kind="check", following=None)
    if any(check.verdict is Verdict.BAD for check in checks):
        raise typer.Exit(ExitCode.FAILED)


def register(app: typer.Typer, *, panel: str) -> None:
    """Add the command."""
    app.command(rich_help_panel=panel)(doctor)


def _checks(session: Session) -> Iterator[Check]:
    """Yield the checks in the order of what needs what; the first that must hold ends them."""
    yield Check("command", Verdict.OK, f"k8s4r {__version__}")
    yield _agent_program()
    settings = session.settings
    if settings.url is None:
        yield Check("server", Verdict.BAD, "none is known: k8s4r up, or set K8S4R_API_URL")
        return
    where = f"{settings.url.value} ({settings.url.origin})"
    server = _tried("server", lambda: _server(session, where))
    yield server
    if server.verdict is Verdict.BAD:
        return
    about = _about(session)
    yield from _parts(session, about)
    if settings.token is None:
        yield Check("token", Verdict.BAD, "none is known: set K8S4R_TOKEN_FILE")
        return
    origin = settings.token.origin
    yield _tried("token", lambda: _token(session, origin))
    yield _tried("agents", lambda: _agents(session))
    yield _tried("backup", lambda: _backup(session))
    yield _tried("messages", lambda: _messages(session))


def _about(session: Session) -> Mapping[str, Any]:
    """Return the versions, as far as we are told: only to those whose token is good."""
    try:
        about: Mapping[str, Any] = session.client.get("/api/v1/about")
    except CliError:
        return {}
    return about


def _tried(name: str, check: Callable[[], Check]) -> Check:
    try:
        return check()
    except CliError as error:
        return Check(name, Verdict.BAD, error.message)


def _agent_program() -> Check:
    path = shutil.which("k8s4r-agent")
    if path is None:
        return Check("agent", Verdict.NOTE, "k8s4r-agent is not on PATH: no work runs here")
    return Check("agent", Verdict.OK, path)


def _server(session: Session, where: str) -> Check:
    began = time.perf_counter()
    session.client.get("/healthz")
    took_ms = (time.perf_counter() - began) * 1_000
    return Check("server", Verdict.OK, f"{where} answers in {took_ms:.0f} ms")


def _parts(session: Session, about: Mapping[str, Any]) -> Iterator[Check]:
    """Yield what the server says about what it stands on."""
    try:
        ready = session.client.get("/readyz")
    except CliError as error:
        ready = error.as_object()
        if "checks" not in ready:
            yield Check("readiness", Verdict.BAD, error.message)
            return
    if about:
        yield Check("version", Verdict.OK, f"k8s4r {about['version']} on Python {about['python']}")
    for name, word in ready["checks"].items():
        if word == "ok":
            yield Check(name, Verdict.OK, str(about.get(name) or "ok"))
        else:
            # Without Redis everything goes on, a little later.
            yield Check(name, Verdict.NOTE if name == "redis" else Verdict.BAD, str(word))


def _token(session: Session, origin: str) -> Check:
    about = session.client.get("/api/v1/about")
    return Check("token", Verdict.OK, f"accepted, you are {about['user']} ({origin})")


def _agents(session: Session) -> Check:
    agents, more = session.client.items("/api/v1/agents", {}, limit=1_000)
    here = sum(agent["observed"] == "online" for agent in agents)
    idle = sum(agent["slots"]["idle"] for agent in agents if agent["observed"] == "online")
    found = f"{here} of {len(agents)}{' or more' if more else ''} online, {idle} slots idle"
    return Check("agents", Verdict.OK if here else Verdict.NOTE, found)


def _backup(session: Session) -> Check:
    made_at = ages.moment(session.client.get("/api/v1/about").get("backup_at"))
    now = session.client.server_time
    if made_at is None or now is None:
        return Check("backup", Verdict.NOTE, "none is known: k8s4r backup PATH")
    age = now - made_at
    verdict = Verdict.OK if age < OLD_BACKUP else Verdict.NOTE
    return Check("backup", verdict, f"made {ages.span(age.total_seconds())} ago")


def _messages(session: Session) -> Check:
    dead, more = session.client.items("/api/v1/notifications", {"state": "dead"}, limit=200)
    if not dead:
        return Check("messages", Verdict.OK, "no notification was given up")
    found = f"{len(dead)}{' or more' if more else ''} notifications were given up"
    return Check("messages", Verdict.NOTE, f"{found}, the last: {dead[0]['last_error']}")
