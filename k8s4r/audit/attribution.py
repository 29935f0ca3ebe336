"""Who changes things in this transaction, and why? The triggers read what is said here."""

from dataclasses import dataclass

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


SYSTEM = Actor("system")
AGENTS = Actor("agent")


def attribute(actor: Actor, *, cause: str) -> None:
    """Sign every event of the current transaction; one statement.

    The request id comes from the logging context, so that logs and events meet.
    """
    request_id = str(structlog.contextvars.get_contextvars().get("request_id", ""))
    database.rows(
        "SELECT set_config('k8s4r.actor_kind', %s, true),"
        " set_config('k8s4r.actor_id', %s, true),"
        " set_config('k8s4r.cause', %s, true), set_config('k8s4r.request_id', %s, true)",
        [actor.kind, actor.id, cause, request_id],
    )
