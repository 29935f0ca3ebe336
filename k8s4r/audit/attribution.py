"""Who changes things in this transaction, from where, and why? The triggers read what is said here.

A request says once where it comes from (`origin`, `with_token`); each service that changes rows
signs its transaction with `attribute`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

import structlog

from k8s4r import database


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asked for a change: ``user``, ``agent`` or ``system``, and which.

    For agents the id may be empty: the event then takes the agent of the row that moved, since
    one transaction carries the reports of many.
    """

    kind: str
    id: str = ""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request comes from: the token it brought, and the address of its client."""

    address: str = ""
    token_id: UUID | None = None


SYSTEM = Actor("system")
AGENTS = Actor("agent")
NOWHERE: Final = Origin()
_ORIGIN: ContextVar[Origin] = ContextVar("origin", default=NOWHERE)

_SIGN: Final = """
SELECT set_config('k8s4r.actor_kind', %s, true), set_config('k8s4r.actor_id', %s, true),
       set_config('k8s4r.cause', %s, true), set_config('k8s4r.request_id', %s, true),
       set_config('k8s4r.token_id', %s, true), set_config('k8s4r.address', %s, true)
"""


@contextmanager
def origin(address: str, *, token_id: UUID | None = None) -> Iterator[None]:
    """Remember where the request comes from, while it is answered in this context."""
    before = _ORIGIN.set(Origin(address, token_id))
    try:
        yield
    finally:
        _ORIGIN.reset(before)


def with_token(token_id: UUID) -> None:
    """Add the token to the origin of the request that is being answered, if there is one."""
    where = _ORIGIN.get()
    if where is not NOWHERE:
        _ORIGIN.set(replace(where, token_id=token_id))


def attribute(actor: Actor, *, cause: str) -> None:
    """Sign every event of the current transaction; one statement.

    The request id comes from the logging context, so that logs and events meet.
    """
    request_id = str(structlog.contextvars.get_contextvars().get("request_id", ""))
    where = _ORIGIN.get()
    token_id = str(where.token_id or "")
    database.rows(_SIGN, [actor.kind, actor.id, cause, request_id, token_id, where.address])
