"""Which server, and with which token? Flag, then environment, then user file, then this machine.

What `k8s4r up` leaves in its ``platform.json`` is the last resort, so that everything works on
the machine of a running platform without any configuration.
"""

import json
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from k8s4r.cli.errors import CliError, ExitCode, Usage
from k8s4r.embedded import configuration

_KEYS: Final = {"api_url", "token_file", "ca_file", "output"}


@dataclass(frozen=True, slots=True)
class Flags:
    """What stood on the command line before the verb."""

    url: str | None = None
    token_file: Path | None = None
    ca_file: Path | None = None


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


def read(flags: Flags, environment: Mapping[str, str]) -> Settings:
    """Return the settings, each from the nearest place that says something.

    Raises:
        Usage: a file that was named cannot be read, or does not hold what it should.
    """
    file_path = user_file(environment)
    file = _user_settings(file_path, named=bool(environment.get("K8S4R_CONFIG")))
    local = _Local(configuration.home(environment).summary)
    origin = str(file_path)
    url = _first(
        lambda: _sourced(flags.url, "--url"),
        lambda: _sourced(environment.get("K8S4R_API_URL"), "K8S4R_API_URL"),
        lambda: _sourced(file.get("api_url"), origin),
        lambda: _sourced(local.facts.get("url"), str(local.path)),
    )
    token = _first(
        lambda: _from_file(_text(flags.token_file), "--token-file"),
        lambda: _sourced(environment.get("K8S4R_TOKEN"), "K8S4R_TOKEN"),
        lambda: _from_file(environment.get("K8S4R_TOKEN_FILE"), "K8S4R_TOKEN_FILE"),
        lambda: _from_file(file.get("token_file"), origin),
        lambda: local.token_for(url),
    )
    ca_file = _first(
        lambda: _sourced(_text(flags.ca_file), "--ca-file"),
        lambda: _sourced(environment.get("K8S4R_CA_FILE"), "K8S4R_CA_FILE"),
        lambda: _sourced(file.get("ca_file"), origin),
    )
    output = _first(
        lambda: _sourced(environment.get("K8S4R_OUTPUT"), "K8S4R_OUTPUT"),
        lambda: _sourced(file.get("output"), origin),
    )
    return Settings(url, token, ca_file, output)


def user_file(environment: Mapping[str, str]) -> Path:
    """Return where the user's own settings are, whether or not there are any."""
    named = environment.get("K8S4R_CONFIG")
    if named:
        return Path(named).expanduser()
    folder = environment.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(folder).expanduser() / "k8s4r" / "config.toml"


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


def _user_settings(path: Path, *, named: bool) -> Mapping[str, Any]:
    try:
        settings = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        if named:
            raise Usage(f"K8S4R_CONFIG names {path}, which does not exist") from None
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Usage(f"{path}: {error}") from error
    unknown = sorted(set(settings) - _KEYS)
    if unknown:
        known = ", ".join(sorted(_KEYS))
        raise Usage(f"{path}: unknown setting {unknown[0]!r}; there are {known}")
    return settings
