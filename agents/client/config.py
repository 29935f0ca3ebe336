"""What is this agent told to be? Flags, environment and file, checked once."""

import os
import socket
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from agents.client.restrictions import Restrictions
from agents.client.runner.lease import LeaseTerms

MAX_SLOTS: Final = 1024
_LISTS: Final = ("drivers", "allowed_commands", "users")
_POD: Final = ("k8s_config", "pod", "pod_token_file")


class ConfigurationError(Exception):
    """The agent cannot start like this; the message names the option."""


@dataclass(frozen=True, slots=True)
class PodPlace:
    """The pod that this agent is in: its K8s config and id on the server, and its proof.

    The kubelet replaces what is in ``token_file`` long before it expires.
    """

    config: UUID
    pod: UUID
    token_file: Path


@dataclass(frozen=True, slots=True)
class Server:
    """Where the server is and how this agent proves who it is."""

    url: str
    token_file: Path | None = None
    enrolment_token_file: Path | None = None
    agent_id: UUID | None = None
    ca_file: Path | None = None
    pod: PodPlace | None = None


@dataclass(frozen=True, slots=True)
class Leaving:
    """When the agent ends by itself: after taking one order, after one is done, when idle.

    Told to end, it gives its work ``drain_s`` to end by itself; without, as long as it takes.
    """

    after_taking_one: bool = False
    after_one_is_done: bool = False
    after_idle_s: float | None = None
    drain_s: float | None = None


@dataclass(frozen=True, slots=True)
class AgentConfig:
    """Everything that a start needs.

    ``cancel_grace_s`` is the most that stopped work gets on this machine, whatever it asked for.
    While ``not_now_file`` is there, the agent asks for no work.
    """

    server: Server
    name: str
    spool: Path
    slots: int = 1
    most_slots: int = MAX_SLOTS
    not_now_file: Path | None = None
    labels: dict[str, str] = field(default_factory=dict)
    leaving: Leaving = field(default_factory=Leaving)
    terms: LeaseTerms = field(default_factory=LeaseTerms)
    restrictions: Restrictions = field(default_factory=Restrictions)
    cancel_grace_s: float | None = None
    health_address: str | None = None
    log_format: str = "json"


def build(flags: Mapping[str, Any], data: Mapping[str, Any]) -> AgentConfig:
    """Return the configuration: what a flag or variable says, else the file, else the default.

    Raises:
        ConfigurationError: something is missing or wrong; the message names it.
    """
    asked = {name: _given(name, value, data) for name, value in flags.items()}
    _check_names(data, flags)
    name = asked["name"] or socket.gethostname()
    limits = LeaseTerms()
    server = _server(asked)
    offered = slots(1 if asked["slots"] is None else asked["slots"], data)
    return AgentConfig(
        server=server,
        name=name,
        spool=Path(asked["spool"] or _default_spool(name, server.pod)).absolute(),
        slots=offered,
        most_slots=most_slots(data) if server.pod is None else offered,
        not_now_file=_path(asked["not_now_file"]),
        labels=labels(asked["labels"] or ()),
        leaving=_leaving(asked),
        terms=LeaseTerms(
            _number(asked, "stop_margin", limits.stop_margin_s),
            _number(asked, "kill_grace", limits.kill_grace_s),
        ),
        restrictions=restrictions(data),
        cancel_grace_s=asked["cancel_grace_period"],
        health_address=_address(asked["health_check_addr"]),
        log_format=asked["log_format"] or "json",
    )


def read_file(path: Path) -> dict[str, Any]:
    """Return what a TOML file says.

    Raises:
        ConfigurationError: it cannot be read, or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigurationError(f"--config {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"--config {path}: {error}") from error


def restrictions(data: Mapping[str, Any]) -> Restrictions:
    """Return the owner's rules from the table ``restrictions`` of the file."""
    table = _rules(data)
    unknown = set(table) - {*_LISTS, "max_slots"}
    if unknown:
        # A rule that is misspelt would silently allow what its author meant to forbid.
        raise ConfigurationError(f"restrictions has unknown rules: {', '.join(sorted(unknown))}")
    drivers, commands, users = (_strings(table, name) for name in _LISTS)
    return Restrictions(
        drivers=None if drivers is None else frozenset(drivers),
        commands=None if commands is None else tuple(commands),
        users=None if users is None else frozenset(users),
    )


def slots(asked: object, data: Mapping[str, Any]) -> int:
    """Return how many slots to offer, within the owner's limit."""
    limit = most_slots(data)
    if not isinstance(asked, int) or not 1 <= asked <= MAX_SLOTS:
        raise ConfigurationError(f"--slots must be from 1 to {MAX_SLOTS}, not {asked}")
    return min(asked, limit)


def most_slots(data: Mapping[str, Any]) -> int:
    """Return the owner's limit, which the server's settings do not widen either."""
    limit = _rules(data).get("max_slots", MAX_SLOTS)
    if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
        raise ConfigurationError("restrictions.max_slots must be a whole number from 1")
    return min(limit, MAX_SLOTS)


def labels(pairs: Iterable[str] | Mapping[str, str]) -> dict[str, str]:
    """Return ``k=v`` pairs, or the table of the file, as a map."""
    if isinstance(pairs, Mapping):
        return {str(key): str(value) for key, value in pairs.items()}
    result: dict[str, str] = {}
    for pair in pairs:
        key, separator, value = pair.partition("=")
        if not separator or not key:
            raise ConfigurationError(f"--labels {pair!r} must look like key=value")
        result[key] = value
    return result


def _rules(data: Mapping[str, Any]) -> dict[str, Any]:
    table = data.get("restrictions", {})
    if not isinstance(table, dict):
        raise ConfigurationError("restrictions must be a table")
    return table


def _given(name: str, value: Any, data: Mapping[str, Any]) -> Any:
    """Return what was asked for; an empty list and an unset switch ask for nothing."""
    if value is None or value is False or value == ():
        return data.get(name, data.get(name.replace("_", "-")))
    return value


def _check_names(data: Mapping[str, Any], flags: Mapping[str, Any]) -> None:
    known = {*flags, "restrictions"}
    unknown = sorted(name for name in data if name.replace("-", "_") not in known)
    if unknown:
        raise ConfigurationError(f"the file has unknown options: {', '.join(unknown)}")


def _server(asked: Mapping[str, Any]) -> Server:
    url = asked["url"]
    if not url or not url.startswith(("http://", "https://")):
        raise ConfigurationError("--url must be given, as http://host:port or https://host")
    agent_id = asked["agent_id"]
    pod = _pod(asked)
    if pod and (asked["token_file"] or asked["enrolment_token_file"] or agent_id):
        raise ConfigurationError("an agent in a pod has no other token than its pod's")
    return Server(
        url=url,
        token_file=_path(asked["token_file"]),
        enrolment_token_file=_path(asked["enrolment_token_file"]),
        agent_id=None if agent_id is None else UUID(str(agent_id)),
        ca_file=_path(asked["ca_file"]),
        pod=pod,
    )


def _pod(asked: Mapping[str, Any]) -> PodPlace | None:
    given = [asked[name] for name in _POD]
    if not any(given):
        return None
    if not all(given):
        raise ConfigurationError("--k8s-config, --pod and --pod-token-file belong together")
    config, pod, token_file = given
    return PodPlace(UUID(str(config)), UUID(str(pod)), Path(token_file))


def _leaving(asked: Mapping[str, Any]) -> Leaving:
    idle, drain = asked["disconnect_after_idle_timeout"], asked["drain_timeout"]
    return Leaving(
        after_taking_one=bool(asked["once"]),
        after_one_is_done=bool(asked["disconnect_after_job"]),
        after_idle_s=None if idle is None else float(idle),
        drain_s=None if drain is None else float(drain),
    )


def _number(asked: Mapping[str, Any], name: str, default: float) -> float:
    value = asked[name]
    return default if value is None else float(value)


def _path(value: Any) -> Path | None:
    return None if value is None else Path(value)


def _address(value: str | None) -> str | None:
    if value is not None and not value.rpartition(":")[2].isdigit():
        raise ConfigurationError(f"--health-check-addr {value!r} must look like host:port")
    return value


def _default_spool(name: str, pod: PodPlace | None) -> Path:
    """Return where a service keeps its state; for an ordinary user the XDG state folder.

    In a pod that is a volume of its own: there may be no home, and all else is read-only.
    """
    if os.geteuid() == 0 or pod is not None:
        return Path("/var/lib/k8s4r-agent") / name
    home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(home) / "k8s4r-agent" / name


def _strings(table: Mapping[str, Any], name: str) -> list[str] | None:
    value = table.get(name)
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ConfigurationError(f"restrictions.{name} must be a list of strings")
    return value
