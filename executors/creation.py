"""What is a request that makes tasks answered with? The same whoever took it."""

from collections.abc import Mapping
from typing import Any, Final

from executors import conf, shapes
from executors.core import requests
from executors.services import submission
from executors.services.submission import Submission
from k8s4r.api.idempotency import Answer
from k8s4r.api.parsing import Limits
from k8s4r.api.rendering import dumps

ROUTE: Final = "/api/v1/tasks"
# A list of a thousand tasks, each with a command of some length.
LIMITS: Final = Limits(bytes=4 * 1024 * 1024, nodes=60_000)


def tasks(body: Any, terms: Submission) -> Answer:
    """Accept the task, or the list of tasks, that a body asks for.

    They are accepted once the outermost transaction is committed.

    Raises:
        Malformed, Invalid: the body is not what may be asked for; says where and which rule.
    """
    asked = requests.read(body, min_lost_after_s=conf.leases().min_lost_after_s)
    made = [shapes.task(record) for record in submission.submit(asked, terms)]
    if terms.listed:
        return Answer(201, dumps({"items": made}))
    return made_one(made[0])


def made_one(task: Mapping[str, Any]) -> Answer:
    """Return the answer that a new task is shown with."""
    return Answer(201, dumps(task), f"{ROUTE}/{task['id']}")
