"""How is a command of `manage.py` run on a database, outside of the supervisor?"""

import subprocess

from k8s4r.embedded import interpreter, parts
from k8s4r.embedded.configuration import Configuration
from k8s4r.embedded.errors import EmbeddedError

MOST_OF_AN_ERROR = 2_000


def run(configuration: Configuration, url: str, *argv: str) -> str:
    """Run it to its end on the database at ``url`` and return what it printed.

    Raises:
        EmbeddedError: it failed; the message ends with its own words.
    """
    # What a migration or a restore does may take as long as its tables need.
    ours = {"K8S4R_DATABASE_URL": url, "K8S4R_STATEMENT_TIMEOUT_S": "0"}
    ended = subprocess.run(  # noqa: S603  # a fixed list of ours, no shell
        interpreter.command("django", *argv),
        env={**parts.first_environment(configuration), **ours},
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
    )
    if ended.returncode != 0:
        said = ended.stderr.strip()[-MOST_OF_AN_ERROR:]
        raise EmbeddedError(f"{argv[0]} failed: {said}")
    return ended.stdout
