"""What people do to tasks over REST: cancel, try again, decide, say how an unknown one ended."""

from collections.abc import Callable
from typing import Annotated, Any, ClassVar
from uuid import UUID

import msgspec
from django.http import HttpResponse
from msgspec import Meta
from rest_framework.request import Request
from rest_framework.response import Response

from agents.api.bodies import Nothing
from executors import conf, creation, selectors, shapes
from executors.api import answers, creates
from executors.core.lifecycle import TaskState
from executors.services import approvals, cancellation, rerunning, resolution
from executors.services.approvals import Decision
from executors.services.rerunning import Changed
from executors.services.resolution import Resolution
from k8s4r import clock
from k8s4r.api.operations import Repeats, operation
from k8s4r.api.requests import principal_of
from k8s4r.api.views import View
from k8s4r.core import conversion
from k8s4r.core.errors import Conflict, IllegalTransition, NeedsResolution
from k8s4r.core.roles import Permission


class Resolve(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a person says that an unknown task ended, and how they know."""

    outcome: Resolution
    reason: Annotated[str, Meta(min_length=1, max_length=4096)]


class Decide(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a person says of a plan.

    With ``attempt``, the id of the one whose plan was looked at, a later plan is refused.
    """

    comment: Annotated[str, Meta(max_length=4096)] = ""
    attempt: UUID | None = None


class Again(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What of the task is to be different: a merge patch (RFC 7396) of the fields of a task."""

    changes: dict[str, Any] = {}


class CancelView(View):
    """``POST tasks/{id}/cancel``: 202; the task ends at once, or when its agent has stopped it."""

    @operation(
        needs=Permission.TASKS_WRITE,
        body=Nothing,
        answers={202: answers.Task},
        refuses=(IllegalTransition, NeedsResolution),
        repeats=Repeats.TOGETHER,
        located=True,
    )
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


class RetryView(View):
    """``POST tasks/{id}/retry``: a new task for one that ended without success."""

    @operation(
        needs=Permission.TASKS_WRITE,
        body=Nothing,
        answers={201: answers.Task},
        refuses=(IllegalTransition,),
        repeats=Repeats.TOGETHER,
        located=True,
    )
    def post(self, request: Request, task_id: UUID) -> HttpResponse:
        """Submit the task again."""
        conversion.convert(request.data, Nothing)
        record = selectors.task(task_id, principal_of(request), Permission.TASKS_WRITE)
        terms = creates.submitted_by(request)
        made = creation.made_one(shapes.task(rerunning.retry(record, terms)))
        return creates.response(made)


class RerunView(View):
    """``POST tasks/{id}/rerun {changes}``: a new task for one that ended, however it did."""

    json_limits = creation.LIMITS

    @operation(
        needs=Permission.TASKS_WRITE,
        body=Again,
        answers={201: answers.Rerun},
        refuses=(IllegalTransition,),
        repeats=Repeats.TOGETHER,
        located=True,
    )
    def post(self, request: Request, task_id: UUID) -> HttpResponse:
        """Submit the task again; the answer says what is different."""
        asked = conversion.convert(request.data, Again)
        record = selectors.task(task_id, principal_of(request), Permission.TASKS_WRITE)
        terms = creates.submitted_by(request)
        changed = Changed(asked.changes, conf.leases().min_lost_after_s)
        again = rerunning.rerun(record, changed, terms)
        changes = [shapes.change(each) for each in again.changes]
        made = creation.made_one({**shapes.task(again.record), "changes": changes})
        return creates.response(made)


class _DecisionView(View):
    """A decision about the plan of a task, never by whom the task belongs to."""

    decide: ClassVar[Callable[..., TaskState]]

    def decided(self, request: Request, task_id: UUID) -> Response:
        """Decide as asked, and show the task."""
        asked = conversion.convert(request.data, Decide)
        principal = principal_of(request)
        selectors.task(task_id, principal, Permission.TASKS_APPROVE)
        decision = Decision(person=principal, comment=asked.comment, attempt_id=asked.attempt)
        type(self).decide(task_id, decision, now=clock.now())
        return Response(shapes.task(selectors.task(task_id, principal)))


class ApproveView(_DecisionView):
    """``POST tasks/{id}/approve {comment, attempt}``: the plan is applied where it was made."""

    decide = staticmethod(approvals.approve)

    @operation(
        needs=Permission.TASKS_APPROVE,
        body=Decide,
        answers={200: answers.Task},
        refuses=(IllegalTransition, Conflict),
        repeats=Repeats.TOGETHER,
    )
    def post(self, request: Request, task_id: UUID) -> Response:
        """Approve the plan of a task: it is applied."""
        return self.decided(request, task_id)


class RejectView(_DecisionView):
    """``POST tasks/{id}/reject {comment, attempt}``: the task ends as cancelled."""

    decide = staticmethod(approvals.reject)

    @operation(
        needs=Permission.TASKS_APPROVE,
        body=Decide,
        answers={200: answers.Task},
        refuses=(IllegalTransition, Conflict),
        repeats=Repeats.TOGETHER,
    )
    def post(self, request: Request, task_id: UUID) -> Response:
        """Reject the plan of a task: it ends, and nothing is applied."""
        return self.decided(request, task_id)


class ResolveView(View):
    """``POST tasks/{id}/resolve {outcome, reason}``: for tasks that are unknown."""

    @operation(
        needs=Permission.TASKS_WRITE,
        body=Resolve,
        answers={200: answers.Task},
        refuses=(IllegalTransition,),
        repeats=Repeats.TOGETHER,
    )
    def post(self, request: Request, task_id: UUID) -> Response:
        """End a task as a person says."""
        asked = conversion.convert(request.data, Resolve)
        principal = principal_of(request)
        selectors.task(task_id, principal, Permission.TASKS_WRITE)
        resolution.resolve(
            task_id, asked.outcome, asked.reason, actor=principal.actor, now=clock.now()
        )
        return Response(shapes.task(selectors.task(task_id, principal)))
