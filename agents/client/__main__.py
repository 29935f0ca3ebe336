"""The command ``k8s4r-agent``."""

import logging
import platform
import sys
from pathlib import Path
from typing import Any, NoReturn

import click

from agents.client import check as checks
from agents.client import config, logs
from agents.client.config import AgentConfig, ConfigurationError
from agents.client.runner import start as runner
from agents.client.runner.journal import JournalBroken
from agents.client.runner.spool import SpoolInUse
from agents.client.speaking import annotate, progress
from agents.client.version import version

EXIT_ERROR = 1
EXIT_CONFIGURATION = 2

logger = logging.getLogger("agents.client")

_FILE = click.Path(dir_okay=False, path_type=Path)


def _option(name: str, *, also: str = "", **attributes: Any) -> Any:
    """Make an option that is also the environment variable K8S4R_AGENT_<NAME>, or ``also``."""
    variable = "K8S4R_AGENT_" + name.removeprefix("--").replace("-", "_").upper()
    return click.option(name, envvar=[variable, also] if also else variable, **attributes)


_OPTIONS = [
    _option("--url", also="K8S4R_AGENT_API_URL", help="The server, as http(s)://host:port."),
    _option("--token-file", type=_FILE, help="The agent's token, or JSON with id and token."),
    _option("--agent-id", type=click.UUID, help="Whose token the token file holds."),
    _option("--enrolment-token-file", type=_FILE, help="Register by itself with this token."),
    _option("--k8s-config", type=click.UUID, help="In a pod: the K8s config it was made by."),
    _option("--pod", type=click.UUID, help="In a pod: its id on the server."),
    _option("--pod-token-file", type=_FILE, help="In a pod: the token that Kubernetes put there."),
    _option("--ca-file", type=_FILE, help="Trust this certificate authority only."),
    _option("--name", help="The agent's name; the host's by default."),
    _option("--labels", multiple=True, metavar="K=V", help="A label; may be repeated."),
    _option("--slots", type=int, help="How many tasks at once. Default: 1."),
    _option("--not-now-file", type=_FILE, help="While it is there: no work. Its text says why."),
    _option("--spool", type=click.Path(file_okay=False, path_type=Path), help="State folder."),
    _option("--once", is_flag=True, help="Take one order, finish it, leave."),
    _option("--disconnect-after-job", is_flag=True, help="Leave after the first task ends."),
    _option("--disconnect-after-idle-timeout", type=float, metavar="S", help="Leave if idle."),
    _option("--drain-timeout", type=float, metavar="S", help="After SIGTERM: then stop the work."),
    _option("--cancel-grace-period", type=float, metavar="S", help="Most time to end in."),
    _option("--health-check-addr", metavar="HOST:PORT", help="Serve /healthz and /metrics."),
    _option("--log-format", type=click.Choice(["json", "text"]), help="Default: json."),
    _option("--config", type=_FILE, help="TOML: options and restrictions."),
    _option("--stop-margin", type=float, hidden=True),
    _option("--kill-grace", type=float, hidden=True),
]


def _with_options(command: Any) -> Any:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.group()
def cli() -> None:
    """Run tasks on this machine for a k8s4r server.

    `annotate` and `progress` are for the tasks themselves.
    Every option of `start` and `check` is also an environment variable, K8S4R_AGENT_<OPTION>.
    """


@cli.command()
@_with_options
def start(**flags: Any) -> None:
    """Take orders and run them until told to leave.

    \b
    SIGTERM          finish what runs, deliver every result, exit 0
    SIGTERM again    stop what runs, deliver what can be delivered
    SIGHUP           like SIGTERM, but exit 75: a supervisor starts the agent again

    \b
    Exit codes: 0 left in good order, 1 error, 2 configuration, 4 token refused, 75 restart asked.
    """  # noqa: D301 - click reads \b
    settings = _settings(flags)
    logs.configure(settings.log_format, process="runner")
    try:
        sys.exit(runner.run(settings))
    except ConfigurationError as error:
        _complain(str(error))
    except (SpoolInUse, JournalBroken) as error:
        logger.error("agent_failed", extra={"detail": str(error)})  # noqa: TRY400
        sys.exit(EXIT_ERROR)
    except Exception:
        # What runs is ended by the link, and reported by the next runner.
        logger.exception("agent_broken")
        sys.exit(EXIT_ERROR)


@cli.command()
@_with_options
def check(**flags: Any) -> None:
    """Try everything that a start needs and say what is wrong, without taking any work."""
    settings = _settings(flags)
    findings = checks.run(settings)
    for finding in findings:
        click.echo(finding.line())
    sys.exit(checks.exit_code(findings))


@cli.command("version")
def show_version() -> None:
    """Print the version."""
    click.echo(f"k8s4r-agent {version()} (Python {platform.python_version()})")


cli.add_command(annotate)
cli.add_command(progress)


def main() -> None:
    """Run the command line."""
    cli(prog_name="k8s4r-agent")


def _settings(flags: dict[str, Any]) -> AgentConfig:
    path = flags.pop("config")
    try:
        return config.build(flags, {} if path is None else config.read_file(path))
    except (ConfigurationError, ValueError) as error:
        _complain(str(error))


def _complain(message: str) -> NoReturn:
    click.echo(f"error: {message}", err=True)
    sys.exit(EXIT_CONFIGURATION)


if __name__ == "__main__":
    main()
