"""What people do to tasks over REST: cancel, try again, say how an unknown one ended."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from django.http import HttpResponse
from msgspec import Meta
from rest_framework.request import Request
from rest_framework.response import Response

from executors import creation, filters, selectors, shapes
from executors.api import creates
from executors.core.lifecycle import TASK_TERMINAL
from executors.filters import Selector
from executors.selectors import TaskRecord
from executors.services import cancellation, resolution, submission
from executors.services.cancellation import CancelOutcome
from executors.services.resolution import Resolution
from executors.services.submission import Submission
from k8s4r import clock
from k8s4r.api.idempotency import Answer
from k8s4r.api.operations import operation
from k8s4r.api.rendering import dumps
from k8s4r.api.requests import principal_of
from k8s4r.api.views import View
from k8s4r.core import conversion
from k8s4r.core.roles import Permission

MOST_CANCELLED: Final = 500


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of an action that takes nothing."""


class Resolve(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a person says that an unknown task ended, and how they know."""

    outcome: Resolution
    reason: Annotated[str, Meta(min_length=1, max_length=4096)]


class CancelMany(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which tasks to cancel; a dry run only names them."""

    selector: Selector
    dry_run: bool = False


class CancelView(View):
    """``POST tasks/{id}/cancel``: 202; the task ends at once, or when its agent has stopped it."""

    @operation(needs=Permission.TASKS_WRITE)
    def post(self, request: Request, task_id: UUID) -> Response:
        """Cancel one task."""
        conversion.convert(request.data, Nothing)
        principal = principal_of(request)
        selectors.task(task_id, principal, Permission.TASKS_WRITE)
        outcomes = cancellation.cancel([task_id], actor=principal.actor, now=clock.now())
        refusal = outcomes[task_id].refusal
        if refusal is not None:
            raise refusal
        return Response(
            shapes.task(selectors.task(task_id, principal)),
            status=202,
            headers={"Location": f"{creation.ROUTE}/{task_id}"},
        )


class CancelManyView(View):
    """``POST tasks/cancel {selector, dry_run}``: one result per task, at most 500 a call."""

    @operation(needs=Permission.TASKS_WRITE)
    def post(self, request: Request) -> Response:
        """Cancel the selected tasks that have not ended, the oldest first."""
        asked = conversion.convert(request.data, CancelMany)
        principal = principal_of(request)
        wanted = filters.selected(asked.selector)
        rows = selectors.tasks(wanted, principal, Permission.TASKS_WRITE)
        open_rows = rows.exclude(state__in=sorted(TASK_TERMINAL)).order_by("id")
        found = list(open_rows.values_list("pk", flat=True)[: MOST_CANCELLED + 1])
        chosen = found[:MOST_CANCELLED]
        outcomes: Mapping[UUID, CancelOutcome] = {}
        if not asked.dry_run:
            outcomes = cancellation.cancel(chosen, actor=principal.actor, now=clock.now())
        return Response(
            {
                "items": [_result(task_id, outcomes.get(task_id)) for task_id in chosen],
                "dry_run": asked.dry_run,
                "more": len(found) > MOST_CANCELLED,
            },
            status=200 if asked.dry_run else 202,
        )


class RetryView(View):
    """``POST tasks/{id}/retry``: a new task for one that ended without success."""

    @operation(needs=Permission.TASKS_WRITE)
    def post(self, request: Request, task_id: UUID) -> HttpResponse:
        """Submit the task again."""
        return _again(request, task_id, submission.retry)


class RerunView(View):
    """``POST tasks/{id}/rerun``: a new task for one that ended, however it did."""

    @operation(needs=Permission.TASKS_WRITE)
    def post(self, request: Request, task_id: UUID) -> HttpResponse:
        """Submit the task again."""
        return _again(request, task_id, submission.rerun)


class ResolveView(View):
    """``POST tasks/{id}/resolve {outcome, reason}``: for tasks that are unknown."""

    @operation(needs=Permission.TASKS_WRITE)
    def post(self, request: Request, task_id: UUID) -> Response:
        """End a task as a person says."""
        asked = conversion.convert(request.data, Resolve)
        principal = principal_of(request)
        selectors.task(task_id, principal, Permission.TASKS_WRITE)
        resolution.resolve(
            task_id, asked.outcome, asked.reason, actor=principal.actor, now=clock.now()
        )
        return Response(shapes.task(selectors.task(task_id, principal)))


def _again(
    request: Request, task_id: UUID, submit: Callable[[TaskRecord, Submission], TaskRecord]
) -> HttpResponse:
    conversion.convert(request.data, Nothing)
    record = selectors.task(task_id, principal_of(request), Permission.TASKS_WRITE)
    terms = creates.submitted_by(request, parent_id=task_id)
    answer = creation.once(
        creates.create_from(request),
        terms,
        lambda: Answer(201, dumps(shapes.task(submit(record, terms)))),
    )
    return creates.response(answer)


def _result(task_id: UUID, outcome: CancelOutcome | None) -> dict[str, Any]:
    refusal = outcome.refusal if outcome else None
    return {
        "id": task_id,
        "state": outcome.state if outcome else None,
        "stopping": outcome.stopping if outcome else False,
        "problem": {"code": refusal.code, "detail": refusal.message} if refusal else None,
    }
