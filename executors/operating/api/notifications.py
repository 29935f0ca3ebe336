"""Messages over REST: what was told, what waits, and what was given up."""

from uuid import UUID

from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from agents.api.bodies import Nothing
from executors.operating import selectors
from executors.operating.api import answers, shapes
from executors.operating.core.notices import Event, State
from executors.operating.models import Notification
from executors.operating.services import targets
from k8s4r import clock
from k8s4r.api import paging
from k8s4r.api.answers import Page
from k8s4r.api.operations import Repeats, operation
from k8s4r.api.requests import principal_of
from k8s4r.api.views import View
from k8s4r.core import conversion, ids
from k8s4r.core.errors import Conflict, FieldProblem
from k8s4r.core.roles import Permission

FILTERS = ("state", "event", "target")


class NotificationQuery(paging.PageQuery):
    """Filters of the list of messages; ``target`` is an id."""

    state: State | None = None
    event: Event | None = None
    target: UUID | None = None


class NotificationsView(View):
    """``GET notifications``."""

    @operation(
        needs=Permission.TASKS_READ,
        query=NotificationQuery,
        answers={200: Page[answers.Notification]},
    )
    def get(self, request: Request) -> Response:
        """List messages, the newest first."""
        paging.check_parameters(request, FILTERS)
        page = paging.page_from(request, ("-created_at", "-id"))
        rows = _filtered(request, selectors.notifications(principal_of(request)))
        return paging.answer(request, page, list(paging.rows_of(page, rows)), shapes.notification)


class NotificationView(View):
    """``GET notifications/{id}``."""

    @operation(
        needs=Permission.TASKS_READ,
        answers={200: answers.Notification},
    )
    def get(self, request: Request, notification_id: UUID) -> Response:
        """Show a message."""
        row = selectors.notification(notification_id, principal_of(request))
        return Response(shapes.notification(row))


class RetryView(View):
    """``POST notifications/{id}/retry``."""

    @operation(
        needs=Permission.FLEET_WRITE,
        body=Nothing,
        answers={202: answers.Notification},
        refuses=(Conflict,),
        repeats=Repeats.TOGETHER,
    )
    def post(self, request: Request, notification_id: UUID) -> Response:
        """Send again what was given up."""
        conversion.convert(request.data, Nothing)
        row = targets.retry(notification_id, principal=principal_of(request), now=clock.now())
        return Response(shapes.notification(row), status=202)


def _filtered(request: Request, rows: QuerySet[Notification]) -> QuerySet[Notification]:
    asked, problems = request.query_params, []
    for name, words in (("state", list(State)), ("event", list(Event))):
        if name in asked and asked[name] not in words:
            problems.append(FieldProblem(f"?{name}", "enum", f"one of {', '.join(words)}"))
    target_id = ids.as_uuid(asked["target"]) if "target" in asked else None
    if "target" in asked and target_id is None:
        problems.append(FieldProblem("?target", "uuid", "the id of a target"))
    if problems:
        raise paging.refused(problems)
    chosen = {name: asked[name] for name in ("state", "event") if name in asked}
    rows = rows.filter(**chosen)
    return rows if target_id is None else rows.filter(target_id=target_id)
