"""What does a person need to use the platform? Its address, and the files with the secrets."""

import json
from dataclasses import asdict, dataclass
from shlex import quote, split

from k8s4r.embedded import credentials
from k8s4r.embedded.configuration import Configuration, Environment, Home
from k8s4r.embedded.errors import EmbeddedError

ADMIN = "admin"
SHARED_VARIABLES = ("DJANGO_SETTINGS_MODULE", "PYTHONPATH")


@dataclass(frozen=True, slots=True)
class Summary:
    """The answer of ``k8s4r up --output json``; also in ``platform.json``."""

    url: str
    admin_user: str
    admin_password_file: str
    api_token_file: str
    enrolment_token_file: str

    def as_json(self) -> str:
        return json.dumps(asdict(self), indent=2)


def of(configuration: Configuration) -> Summary:
    """Return the summary of this platform."""
    secrets = configuration.home.secrets
    return Summary(
        url=configuration.url,
        admin_user=ADMIN,
        admin_password_file=str(secrets / "admin_password"),
        api_token_file=str(secrets / "api_token"),
        enrolment_token_file=str(secrets / "enrolment_token"),
    )


def read(home: Home) -> Summary | None:
    """Return what the last `up` left; None before the first."""
    try:
        return Summary(**json.loads(home.summary.read_text()))
    except (OSError, ValueError, TypeError):
        return None


def write(home: Home, summary: Summary, environment: Environment) -> None:
    """Leave the summary, and for `manage.py` the environment of the parts, closed to others."""
    credentials.store(home.summary, summary.as_json())
    ours = {
        name: value
        for name, value in environment.items()
        if name.startswith("K8S4R_") or name in SHARED_VARIABLES
    }
    lines = [f"export {name}={quote(value)}" for name, value in sorted(ours.items())]
    credentials.store(home.secrets / "environment", "\n".join(lines))


def environment(home: Home) -> Environment:
    """Return the environment of the running parts.

    Raises:
        EmbeddedError: they have none yet.
    """
    try:
        text = (home.secrets / "environment").read_text()
    except OSError as error:
        raise EmbeddedError("the platform is starting; try again when it is up") from error
    pairs = (word.partition("=")[::2] for word in split(text) if word != "export")
    return dict(pairs)


def lines(home: Home, summary: Summary) -> list[str]:
    """Return what is said to people."""
    return [
        f"k8s4r is up: {summary.url}",
        "  sign in     k8s4r sign-in prints a link; or "
        f"{summary.admin_user}, password in {summary.admin_password_file}",
        f"  API token   {summary.api_token_file}",
        f"  logs        {home.logs}",
    ]
