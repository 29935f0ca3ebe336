"""Which server, and with which token? Flag, environment, project file, user file, this machine.

The nearest ``.k8s4r.toml`` above the present folder may choose a context, a project, a pool and a
format, and nothing else: a folder of strangers must not say where tokens are sent. What `k8s4r up`
leaves in its ``platform.json`` is the last resort, so that everything works on the machine of a
running platform without any configuration.
"""

import json
import tomllib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from k8s4r.cli import contexts, suggestions
from k8s4r.cli.contexts import Contexts
from k8s4r.cli.errors import CliError, ExitCode, Usage
from k8s4r.embedded import configuration

_KEYS: Final = {
    "api_url", "token_file", "ca_file", "output", "project", "pool", "context", "contexts",
}  # fmt: skip
_PROJECT_KEYS: Final = {"context", "project", "pool", "output"}
_PROJECT_FILE: Final = ".k8s4r.toml"


@dataclass(frozen=True, slots=True)
class Flags:
    """What stood on the command line before the verb."""

    url: str | None = None
    token_file: Path | None = None
    ca_file: Path | None = None
    context: str | None = None


@dataclass(frozen=True, slots=True)
class Sourced:
    """A value and where it comes from."""

    value: str
    origin: str


@dataclass(frozen=True, slots=True)
class Settings:
    """What every command needs to reach the server; ``None``: nothing says it."""

    url: Sourced | None
    token: Sourced | None
    ca_file: Sourced | None
    output: Sourced | None
    project: Sourced | None = None
    pool: Sourced | None = None
    context: Sourced | None = None

    def require_url(self) -> str:
        """Return the server's address.

        Raises:
            CliError: nothing names one.
        """
        if self.url is None:
            raise CliError(
                "no server is known",
                exit_code=ExitCode.USAGE,
                hint="k8s4r up starts one here; or set K8S4R_API_URL and K8S4R_TOKEN_FILE",
            )
        return self.url.value.rstrip("/")


def read(flags: Flags, environment: Mapping[str, str], folder: Path | None = None) -> Settings:
    """Return the settings, each from the nearest place that says something.

    Raises:
        Usage: a file that was named cannot be read, or does not hold what it should.
        Missing: there is no such context.
    """
    path = user_file(environment)
    files = _Files(
        user=_table(path, _KEYS, named=bool(environment.get("K8S4R_CONFIG"))),
        user_path=path,
        near=_project_file(folder or Path.cwd()),
        remembered=contexts.read(path),
    )
    local = _Local(configuration.home(environment).summary)
    place = files.place(flags, environment)
    origin = place.origin
    url = _first(
        lambda: _sourced(flags.url, "--url"),
        lambda: _sourced(environment.get("K8S4R_API_URL"), "K8S4R_API_URL"),
        lambda: _sourced(place.facts.get("api_url"), origin),
        lambda: _sourced(local.facts.get("url"), str(local.path)),
    )
    token = _first(
        lambda: _from_file(_text(flags.token_file), "--token-file"),
        lambda: _sourced(environment.get("K8S4R_TOKEN"), "K8S4R_TOKEN"),
        lambda: _from_file(environment.get("K8S4R_TOKEN_FILE"), "K8S4R_TOKEN_FILE"),
        lambda: place.token_for(url),
        lambda: local.token_for(url),
    )
    ca_file = _first(
        lambda: _sourced(_text(flags.ca_file), "--ca-file"),
        lambda: _sourced(environment.get("K8S4R_CA_FILE"), "K8S4R_CA_FILE"),
        lambda: _sourced(place.facts.get("ca_file"), origin),
    )
    output, project, pool = (files.near_or_user(name, environment, place) for name in _CHOICES)
    return Settings(url, token, ca_file, output, project, pool, place.chosen_by)


def user_file(environment: Mapping[str, str]) -> Path:
    """Return where the user's own settings are, whether or not there are any."""
    named = environment.get("K8S4R_CONFIG")
    if named:
        return Path(named).expanduser()
    folder = environment.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(folder).expanduser() / "k8s4r" / "config.toml"


def own_contexts(environment: Mapping[str, str]) -> dict[str, Mapping[str, str]]:
    """Return the contexts that the user has written down themselves."""
    path = user_file(environment)
    named = bool(environment.get("K8S4R_CONFIG"))
    return contexts.tables(_table(path, _KEYS, named=named).get("contexts", {}), path)


_CHOICES: Final = ("output", "project", "pool")


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the server's facts stand: in a context, or in the user's settings themselves."""

    facts: Mapping[str, Any]
    origin: str
    chosen_by: Sourced | None = None

    def token_for(self, url: Sourced | None) -> Sourced | None:
        """Return the token that is written beside this server, for this server alone."""
        own = str(self.facts.get("api_url") or "").rstrip("/")
        if own and (url is None or url.value.rstrip("/") != own):
            return None
        return _from_file(self.facts.get("token_file"), self.origin)


@dataclass(frozen=True, slots=True)
class _Files:
    """What the files say: the user's own, the project's, and the remembered contexts."""

    user: Mapping[str, Any]
    user_path: Path
    near: tuple[Mapping[str, Any], Path] | None
    remembered: Contexts

    def place(self, flags: Flags, environment: Mapping[str, str]) -> _Place:
        """Return the chosen context, or the user's settings when none is chosen."""
        near, near_path = self.near or ({}, Path())
        chosen = _first(
            lambda: _sourced(flags.context, "--context"),
            lambda: _sourced(environment.get("K8S4R_CONTEXT"), "K8S4R_CONTEXT"),
            lambda: _sourced(near.get("context"), str(near_path)),
            lambda: _sourced(self.user.get("context"), str(self.user_path)),
            lambda: _sourced(self.remembered.current, str(self.remembered.path)),
        )
        if chosen is None:
            return _Place(self.user, str(self.user_path))
        own = contexts.tables(self.user.get("contexts", {}), self.user_path)
        known = Contexts(self.remembered.path, known={**self.remembered.known, **own})
        return _Place(known.chosen(chosen.value), f"context {chosen.value}", chosen)

    def near_or_user(
        self, name: str, environment: Mapping[str, str], place: _Place
    ) -> Sourced | None:
        near, near_path = self.near or ({}, Path())
        variable = f"K8S4R_{name.upper()}"
        return _first(
            lambda: _sourced(environment.get(variable), variable),
            lambda: _sourced(near.get(name), str(near_path)),
            lambda: _sourced(place.facts.get(name), place.origin),
            lambda: _sourced(self.user.get(name), str(self.user_path)),
        )


class _Local:
    """What the last `k8s4r up` on this machine left behind."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.facts = self._read()

    def token_for(self, url: Sourced | None) -> Sourced | None:
        """Return this platform's token, for this platform alone: never for another server."""
        if url is None or url.value.rstrip("/") != str(self.facts.get("url", "")).rstrip("/"):
            return None
        return _from_file(self.facts.get("api_token_file"), str(self.path))

    def _read(self) -> Mapping[str, Any]:
        try:
            facts = json.loads(self.path.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return facts if isinstance(facts, dict) else {}


def _first(*sources: Callable[[], Sourced | None]) -> Sourced | None:
    """Return the first that says something; later ones are then not even read."""
    return next((found for source in sources if (found := source()) is not None), None)


def _sourced(value: object, origin: str) -> Sourced | None:
    return Sourced(str(value), origin) if value else None


def _text(path: Path | None) -> str | None:
    return str(path) if path else None


def _from_file(name: object, origin: str) -> Sourced | None:
    """Return a token from the file that ``origin`` names."""
    if not name:
        return None
    path = Path(str(name)).expanduser()
    try:
        token = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not text"
        raise Usage(f"{origin}: cannot read the token in {path}: {reason}") from error
    if not token:
        raise Usage(f"{origin}: {path} is empty, a token was expected")
    return Sourced(token, f"{origin} -> {path}")


def _project_file(folder: Path) -> tuple[Mapping[str, Any], Path] | None:
    """Return the nearest project file, from here upwards."""
    for above in (folder, *folder.parents):
        path = above / _PROJECT_FILE
        if path.is_file():
            return _table(path, _PROJECT_KEYS, named=True), path
    return None


def _table(path: Path, keys: Collection[str], *, named: bool) -> Mapping[str, Any]:
    try:
        settings = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        if named:
            raise Usage(f"K8S4R_CONFIG names {path}, which does not exist") from None
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Usage(f"{path}: {error}") from error
    unknown = sorted(set(settings) - set(keys))
    if unknown:
        near = suggestions.did_you_mean(unknown[0], keys)
        known = f"there are {', '.join(sorted(keys))}"
        raise Usage(f"{path}: unknown setting {unknown[0]!r}", hint=suggestions.hint(near, known))
    return settings
