"""What did the user ask `k8s4r up` for? Read from the environment and the command line, once."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from k8s4r.embedded.errors import EmbeddedError

DEFAULT_PORT = 8420
LOOPBACK = "127.0.0.1"
OPTIONAL_PARTS = ("worker", "agent")
Environment = dict[str, str]
_ANYWHERE = ("0.0.0.0", "::", "")  # noqa: S104  # recognised, never chosen by us


@dataclass(frozen=True, slots=True)
class Home:
    """The data folder, and where everything in it is."""

    root: Path

    @property
    def secrets(self) -> Path:
        return self.root / "secrets"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def summary(self) -> Path:
        return self.root / "platform.json"

    def log_of(self, part: str) -> Path:
        return self.logs / f"{part}.log"


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """Everything that may differ from one `up` to the next.

    Attributes:
        bind: the address that web listens on; loopback unless told otherwise.
        url: where people and agents reach web.
        database_url: a PostgreSQL that is not ours; empty means that we run one.
        redis_url: likewise.
        without: optional parts that are not wanted.
    """

    home: Home
    bind: str
    port: int
    url: str
    database_url: str
    redis_url: str
    without: frozenset[str]

    @property
    def local_url(self) -> str:
        """Return where this machine reaches web; a proxy may stand before ``url``."""
        return f"http://{_in_url(_reachable(self.bind))}:{self.port}"


def read(environment: Mapping[str, str], *, without: frozenset[str] = frozenset()) -> Configuration:
    """Return the configuration that ``environment`` asks for.

    Raises:
        EmbeddedError: a variable has a value that nobody can mean.
    """
    bind = environment.get("K8S4R_BIND", LOOPBACK)
    port = _port(environment.get("K8S4R_PORT", str(DEFAULT_PORT)))
    return Configuration(
        home=home(environment),
        bind=bind,
        port=port,
        url=environment.get("K8S4R_URL") or f"http://{_in_url(_reachable(bind))}:{port}",
        database_url=environment.get("K8S4R_DATABASE_URL", ""),
        redis_url=environment.get("K8S4R_REDIS_URL", ""),
        without=without,
    )


def home(environment: Mapping[str, str]) -> Home:
    """Return the data folder: K8S4R_HOME, else below XDG_DATA_HOME, else ~/.local/share."""
    chosen = environment.get("K8S4R_HOME")
    if chosen:
        return Home(Path(chosen).expanduser().absolute())
    shared = environment.get("XDG_DATA_HOME") or "~/.local/share"
    return Home(Path(shared).expanduser() / "k8s4r")


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise EmbeddedError(f"K8S4R_PORT must be a port from 1 to 65535, not {text!r}")
    return int(text)


def _reachable(bind: str) -> str:
    return LOOPBACK if bind in _ANYWHERE else bind


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
