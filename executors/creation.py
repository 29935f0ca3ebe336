"""What is a request that makes tasks answered with? The same whoever took it, and once per key."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import orjson

from executors import conf, shapes
from executors.core import requests
from executors.services import submission
from executors.services.submission import Submission
from k8s4r.api import idempotency
from k8s4r.api.idempotency import Answer
from k8s4r.api.parsing import Limits
from k8s4r.api.rendering import dumps

ROUTE: Final = "/api/v1/tasks"
# A list of a thousand tasks, each with a command of some length.
LIMITS: Final = Limits(bytes=4 * 1024 * 1024, nodes=60_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Create:
    """A request to make tasks: what it asks for, and the key under which it may come again."""

    body: Any
    key: str
    route: str = f"POST {ROUTE}"


def tasks(create: Create, terms: Submission) -> Answer:
    """Accept the task, or the list of tasks, that a body asks for.

    They are accepted once the outermost transaction is committed.

    Raises:
        Malformed, Invalid: the body is not what may be asked for; says where and which rule.
        IdempotencyMismatch: the key was used for another request.
    """
    asked = requests.read(create.body, min_lost_after_s=conf.leases().min_lost_after_s)

    def work() -> Answer:
        made = [shapes.task(record) for record in submission.submit(asked, terms)]
        return Answer(201, dumps({"items": made} if terms.listed else made[0]))

    return once(create, terms, work)


def once(create: Create, terms: Submission, work: Callable[[], Answer]) -> Answer:
    """Do the work, or repeat the answer that its key had.

    Raises:
        Invalid: no such key can be.
        IdempotencyMismatch: the key was used for another request.
    """
    repeatable = idempotency.create_from(
        create.key, principal=str(terms.principal.id), route=create.route, body=create.body
    )
    return idempotency.once(repeatable, work, now=terms.now)


def headers(answer: Answer, *, listed: bool) -> dict[str, str]:
    """Return what the answer says beside its body: where the task is, and whether it is new."""
    said = {} if listed else {"Location": f"{ROUTE}/{orjson.loads(answer.body)['id']}"}
    return said | ({idempotency.REPLAYED: "true"} if answer.replayed else {})
