"""How does a command end when it cannot do what it was asked to, and with which exit code?"""

from collections.abc import Mapping
from enum import IntEnum
from typing import Any


class ExitCode(IntEnum):
    """What the shell is told; `docs/cli.md` promises these numbers."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    CANCELLED = USAGE
    NOT_FOUND = 3
    NOT_ALLOWED = 4
    CONFLICT = 5
    TIMED_OUT = 6
    PENDING = 8
    TRY_AGAIN = 75
    INTERRUPTED = 130


class CliError(Exception):
    """A command stops here: ``error:`` with the message, ``hint:`` with the next command."""

    def __init__(
        self,
        message: str,
        *,
        exit_code: ExitCode = ExitCode.FAILED,
        hint: str = "",
        request_id: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.exit_code = exit_code
        self.hint = hint
        self.request_id = request_id

    def as_object(self) -> Mapping[str, Any]:
        """Return what ``-o json`` prints: the same members that a problem of the server has."""
        return {
            "title": self.message,
            "status": None,
            "code": self.exit_code.name.lower(),
            "detail": self.hint,
            "request_id": self.request_id,
        }


class Usage(CliError):
    """What was typed cannot be meant."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message, exit_code=ExitCode.USAGE, hint=hint)


class Missing(CliError):
    """Nothing has this name."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message, exit_code=ExitCode.NOT_FOUND, hint=hint)


class Unreachable(CliError):
    """The server does not answer at all; the same command may work in a moment."""


_EXIT_CODES = {
    400: ExitCode.USAGE,
    401: ExitCode.NOT_ALLOWED,
    403: ExitCode.NOT_ALLOWED,
    404: ExitCode.NOT_FOUND,
    409: ExitCode.CONFLICT,
    410: ExitCode.NOT_FOUND,
    412: ExitCode.CONFLICT,
    413: ExitCode.USAGE,
    422: ExitCode.USAGE,
    428: ExitCode.CONFLICT,
    429: ExitCode.TRY_AGAIN,
    502: ExitCode.TRY_AGAIN,
    503: ExitCode.TRY_AGAIN,
    504: ExitCode.TRY_AGAIN,
}
_HINTS = {
    401: "k8s4r doctor shows which token is used and where it comes from",
    403: "k8s4r doctor shows which token is used and where it comes from",
    429: "wait a moment and try again",
    503: "k8s4r doctor shows which part is away",
}


class Refused(CliError):
    """The server said no, with a problem (RFC 9457)."""

    def __init__(self, status: int, problem: Mapping[str, Any], *, request_id: str = "") -> None:
        super().__init__(
            _sentence(problem) or f"the server answered {status}",
            exit_code=_EXIT_CODES.get(status, ExitCode.FAILED),
            hint=_HINTS.get(status, ""),
            request_id=str(problem.get("request_id") or request_id),
        )
        self.status = status
        self.problem = problem

    @property
    def code(self) -> str:
        """Return the stable code of the problem."""
        return str(self.problem.get("code", ""))

    def as_object(self) -> Mapping[str, Any]:
        """Return the problem itself, unchanged."""
        return self.problem


def _sentence(problem: Mapping[str, Any]) -> str:
    """Return what is wrong in one line: the detail, and every field that the detail leaves out."""
    said = str(problem.get("detail") or problem.get("title") or "")
    fields = [
        f"{entry.get('pointer') or 'body'}: {entry.get('detail')}"
        for entry in problem.get("errors") or ()
        if isinstance(entry, Mapping) and str(entry.get("detail")) not in said
    ]
    return "; ".join([said, *fields] if said else fields)
