"""Tasks over REST: submit, list, read."""

from uuid import UUID

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from executors import creation, filters, plans, reason_shapes, reasons, selectors, shapes
from executors.api import answers, creates, reason_answers
from executors.core import requests
from k8s4r import clock
from k8s4r.api import paging
from k8s4r.api.answers import Items, Page
from k8s4r.api.operations import Repeats, operation
from k8s4r.api.requests import principal_of
from k8s4r.api.streams import watched
from k8s4r.api.views import View
from k8s4r.core.errors import CursorExpired
from k8s4r.core.roles import Permission

EVENT_KEYS = ("id",)


class TasksView(View):
    """``GET tasks``, ``POST tasks`` (one object, or a list of up to 1,000).

    The gateway takes what comes with a token (`executors.gateway.creates`); browsers come here.
    """

    json_limits = creation.LIMITS

    @operation(
        needs=Permission.TASKS_READ,
        query=filters.WatchedTasks,
        answers={200: watched(answers.Task)},
        refuses=(CursorExpired,),
    )
    def get(self, request: Request) -> Response:
        """List tasks, the newest first."""
        wanted = filters.task_filter(request)
        page = paging.page_from(request, selectors.NEWEST_FIRST, filters.SORTS)
        rows = selectors.tasks(wanted, principal_of(request))
        found = selectors.records(paging.rows_of(page, rows))
        return paging.counted(request, paging.answer(request, page, found, shapes.task), rows)

    @operation(
        needs=Permission.TASKS_WRITE,
        body=requests.Asked,
        answers={201: (answers.Task, Items[answers.Task])},
        repeats=Repeats.TOGETHER,
        located=True,
    )
    def post(self, request: Request) -> HttpResponse:
        """Accept tasks: 201 when they are committed."""
        listed = isinstance(request.data, list)
        terms = creates.submitted_by(request, listed=listed)
        return creates.response(creation.tasks(request.data, terms))


class TaskView(View):
    """``GET tasks/{id}``."""

    @operation(
        needs=Permission.TASKS_READ,
        answers={200: answers.TaskInFull},
    )
    def get(self, request: Request, task_id: UUID) -> Response:
        """Show a task with its attempts."""
        record = selectors.task(task_id, principal_of(request))
        attempts = list(selectors.attempts_of(task_id))
        shown = {"attempts": [shapes.attempt(row) for row in attempts]}
        found = plans.planning(record.kind, attempts)
        return Response({**shapes.task(record), **shown, **shapes.planning(found)})


class TaskAttemptsView(View):
    """``GET tasks/{id}/attempts``."""

    @operation(
        needs=Permission.TASKS_READ,
        query=paging.PageQuery,
        answers={200: Page[answers.Attempt]},
    )
    def get(self, request: Request, task_id: UUID) -> Response:
        """List a task's attempts, first to last."""
        paging.check_parameters(request)
        selectors.task(task_id, principal_of(request))
        page = paging.page_from(request, ("number",))
        found = paging.rows_of(page, selectors.attempts_of(task_id))
        return paging.answer(request, page, list(found), shapes.attempt)


class AnnotationsView(View):
    """``GET tasks/{id}/annotations``."""

    @operation(
        needs=Permission.TASKS_READ,
        query=paging.PageQuery,
        answers={200: Page[answers.Annotation]},
    )
    def get(self, request: Request, task_id: UUID) -> Response:
        """List the Markdown that a task's attempts pinned to its page, oldest first."""
        paging.check_parameters(request)
        selectors.task(task_id, principal_of(request))
        page = paging.page_from(request, ("id",))
        found = paging.rows_of(page, selectors.annotations_of(task_id))
        return paging.answer(request, page, list(found), shapes.annotation)


class EventsView(View):
    """``GET tasks/{id}/events``."""

    @operation(
        needs=Permission.TASKS_READ,
        query=paging.PageQuery,
        answers={200: Page[answers.Event]},
    )
    def get(self, request: Request, task_id: UUID) -> Response:
        """List what happened to a task and its attempts, in order."""
        paging.check_parameters(request)
        selectors.task(task_id, principal_of(request))
        page = paging.page_from(request, EVENT_KEYS)
        found = paging.rows_of(page, selectors.events(task_id))
        return paging.answer(request, page, list(found), shapes.event)


class WaitingView(View):
    """``GET tasks/{id}/waiting``."""

    @operation(
        needs=Permission.TASKS_READ,
        answers={200: reason_answers.TaskWaiting},
    )
    def get(self, request: Request, task_id: UUID) -> Response:
        """Say why a task waits: every gate, each candidate, and what would help."""
        record = selectors.task(task_id, principal_of(request))
        found = reasons.why(task_id, now=clock.now())
        return Response(reason_shapes.waiting(record, found))
