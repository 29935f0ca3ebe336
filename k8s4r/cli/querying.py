"""What does a jq program make of an answer?"""

from collections.abc import Sequence
from typing import Any

from k8s4r.cli.errors import Usage
from k8s4r.cli.output import as_json_line


def results(program: str, value: Any) -> Sequence[str]:
    """Return each result as a line: texts bare, the rest as JSON.

    Raises:
        Usage: it is no jq program, it fails on this answer, or jq is not installed.
    """
    try:
        import jq  # noqa: PLC0415 - a library in C that only few commands need
    except ImportError as error:
        raise Usage(
            "--jq needs the package jq, which has no wheel for this system",
            hint="-o json with a jq of your own does the same",
        ) from error
    try:
        found = jq.compile(program).input_value(value).all()
    except ValueError as error:
        raise Usage(f"--jq {program!r}: {' '.join(str(error).split())}") from error
    return [each if isinstance(each, str) else as_json_line(each) for each in found]
