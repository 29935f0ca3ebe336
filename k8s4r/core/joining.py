"""What is pasted on a machine so that it joins?"""

import shlex
from typing import Final

FILE: Final = "k8s4r-enrolment-token"


def line(token: str, *, url: str) -> str:
    """Return the line. The token goes through a file: a flag stands in the list of processes."""
    return (
        f"(umask 077; printf %s {shlex.quote(token)} > {FILE}) &&"
        f" k8s4r-agent start --url {shlex.quote(url)}"
        f" --enrolment-token-file {FILE}"
    )
