"""What can a request be refused for, and under which stable code?

The class is the meaning, ``code`` is stable API, the message is for people and names the ids.
Interfaces turn each into ``application/problem+json`` (RFC 9457).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One thing that is wrong with one field.

    ``pointer`` is a JSON pointer (RFC 6901), ``rule`` a stable word, ``detail`` a sentence.
    """

    pointer: str
    rule: str
    detail: str


def pointer(*parts: str | int) -> str:
    """Return the JSON pointer (RFC 6901) that leads through ``parts``."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


class DomainError(Exception):
    """A refusal with a meaning; never raised itself.

    ``facts`` are extra members of the answer: JSON values, no secrets.
    """

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Error"

    def __init__(
        self, message: str, *, errors: Sequence[FieldProblem] = (), **facts: object
    ) -> None:
        super().__init__(message)
        self.message = message
        self.errors = tuple(errors)
        self.facts = facts


class Malformed(DomainError):
    """The request cannot be read at all: not JSON, not UTF-8, not a token."""

    code, status, title = "malformed", 400, "The request cannot be read"


class Unauthenticated(DomainError):
    """Nobody is known by these credentials; the message never says why."""

    code, status, title = "unauthenticated", 401, "Credentials are missing or not valid"


class Forbidden(DomainError):
    """The caller is known and may not do this."""

    code, status, title = "forbidden", 403, "Not allowed"


class SecondFactorNeeded(Forbidden):
    """The caller's roles need a second factor, and this session was opened without one."""

    code, title = "second_factor_needed", "A second factor is needed"


class NotFound(DomainError):
    """It does not exist, or it belongs to someone else."""

    code, status, title = "not_found", 404, "Not found"


class CursorExpired(DomainError):
    """What changed since this place is no longer known one by one: list again."""

    code, status, title = "cursor_expired", 410, "List again"


class Conflict(DomainError):
    """The request does not fit the present state; reading it again may help."""

    code, status, title = "conflict", 409, "Conflict with the present state"


class Superseded(Conflict):
    """The attempt is no longer the current one: stop it and forget it."""

    code, title = "superseded", "The attempt is no longer current"


class IllegalTransition(Conflict):
    """This event cannot happen in this state."""

    code, title = "illegal_transition", "Not possible in this state"


class NeedsResolution(Conflict):
    """Nobody knows whether the work still runs: a person has to say how it ended."""

    code, title = "needs_resolution", "A person has to resolve this first"


class PreconditionFailed(DomainError):
    """Somebody changed it since the caller read it (``If-Match``); nothing has changed now."""

    code, status, title = "precondition_failed", 412, "Changed since it was read"


class SecretShownOnce(Conflict):
    """This request was answered before with a secret, which is not kept: nothing is made now."""

    code, title = "secret_shown_once", "The secret was shown once"


class IdempotencyMismatch(DomainError):
    """The idempotency key was used before with another request."""

    code, status, title = "idempotency_mismatch", 422, "Idempotency key used for another request"


class Invalid(DomainError):
    """The request can be read, but fields break rules; ``errors`` names each."""

    code, status, title = "invalid", 422, "Some fields are not valid"


class TooLarge(DomainError):
    """The body, a field or a list is over its limit."""

    code, status, title = "too_large", 413, "Too large"


class _RetryLater(DomainError):
    """A refusal that passes by itself; ``retry_after_s`` is for the Retry-After header."""

    def __init__(
        self,
        message: str,
        *,
        retry_after_s: float = 1.0,
        errors: Sequence[FieldProblem] = (),
        **facts: object,
    ) -> None:
        super().__init__(message, errors=errors, **facts)
        self.retry_after_s = retry_after_s


class StillRunning(_RetryLater):
    """The first request with this idempotency key has not ended: its answer is there soon."""

    code, status, title = "still_running", 409, "The same request is still running"


class TooMany(_RetryLater):
    """The caller is over its rate or count."""

    code, status, title = "too_many", 429, "Too many requests"


class Unavailable(_RetryLater):
    """Something this request needs is away; the same request may succeed later."""

    code, status, title = "unavailable", 503, "Temporarily not available"
