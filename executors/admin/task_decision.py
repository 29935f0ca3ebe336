"""How does a person decide about a plan on the page of its task?"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.http import HttpRequest

from executors import plans
from executors.core.lifecycle import TaskState
from executors.models import Attempt, Task
from executors.services import approvals
from executors.services.approvals import Decision
from k8s4r.access.pages import may, principal_of
from k8s4r.core import ids
from k8s4r.core.roles import Permission
from k8s4r.pages import ago, now_of

LONGEST_COMMENT: Final = 4096
_DECIDE: Final[Mapping[str, Callable[..., TaskState]]] = {
    "approve": approvals.approve,
    "reject": approvals.reject,
}


def box(task: Task, attempts: Sequence[Attempt], now: datetime) -> dict[str, Any] | None:
    """Return what the page shows of the task's plans; ``None``: there is nothing to show."""
    found = plans.planning(task.kind, attempts)
    if found.plan is None and not found.decisions:
        return None
    plan = found.plan
    return {
        "attempt": plan and plan.attempt,
        "file": plan and plan.file,
        "waits": plan is not None and plan.waits,
        "until": plan.attempt.reserved_until if plan and plan.waits else None,
        "decisions": [
            {"row": one, "word": "approved" if one.is_approved else "rejected",
             "at": ago(one.decided_at, now)}
            for one in found.decisions
        ],
    }  # fmt: skip


def is_open_to(request: HttpRequest, task: Task) -> bool:
    """May this person decide about this task's plan? Not about one of their own."""
    return task.owner_id != request.user.pk and may(
        request, Permission.TASKS_APPROVE, task.project_id
    )


def decide(request: HttpRequest, task_id: UUID, word: str) -> str:
    """Decide as the form says and return what was done.

    Raises:
        KeyError: there is no such decision.
        DomainError: nothing was done; the message says why.
    """
    _DECIDE[word](
        task_id,
        Decision(
            person=principal_of(request),
            comment=request.POST.get("comment", "")[:LONGEST_COMMENT],
            attempt_id=ids.as_uuid(request.POST.get("attempt", "")),
        ),
        now=now_of(request),
    )
    return "Approved: it is being applied" if word == "approve" else "Rejected: nothing is applied"
