"""Notification targets over REST: list, make, change, end, try."""

import threading
from typing import Any, Final
from uuid import UUID

from msgspec import UNSET, structs
from rest_framework.request import Request
from rest_framework.response import Response

from agents.api.bodies import Nothing
from executors.operating import conf, selectors
from executors.operating.api import answers, shapes
from executors.operating.api.bodies import ChangedTarget, NewTarget
from executors.operating.core.notices import Event, State
from executors.operating.models import Notification
from executors.operating.services import targets
from k8s4r import clock
from k8s4r.access.models import Project
from k8s4r.access.principals import Principal
from k8s4r.api import paging, places
from k8s4r.api.answers import Page
from k8s4r.api.operations import Repeats, operation
from k8s4r.api.requests import principal_of
from k8s4r.api.views import View
from k8s4r.core import conversion
from k8s4r.core.errors import Conflict, FieldProblem, Invalid
from k8s4r.core.roles import Permission
from pools import selectors as pools
from pools.selectors import PoolName

# The worker looks each five seconds, and a try takes a few.
TEST_WITHIN_S: Final = 15.0
POLL_S: Final = 0.2


class TargetsView(View):
    """``GET notification-targets``, ``POST notification-targets``."""

    @operation(
        needs=Permission.FLEET_READ,
        query=paging.PageQuery,
        answers={200: Page[answers.Target]},
    )
    def get(self, request: Request) -> Response:
        """List targets by name."""
        paging.check_parameters(request)
        page = paging.page_from(request, ("name", "id"))
        rows = selectors.targets(principal_of(request))
        return paging.answer(request, page, list(paging.rows_of(page, rows)), shapes.target)

    @operation(
        needs=Permission.FLEET_WRITE,
        body=NewTarget,
        answers={201: answers.Target},
        refuses=(Conflict,),
        repeats=Repeats.TOGETHER,
        located=True,
    )
    def post(self, request: Request) -> Response:
        """Make a target; its address is shown to nobody again."""
        body = conversion.convert(request.data, NewTarget)
        principal = principal_of(request)
        columns = _columns(body) | _place(body, principal)
        row = targets.create(
            url=body.url,
            columns=columns,
            allowed=conf.allowed(),
            actor=principal.actor,
            now=clock.now(),
        )
        headers = {"Location": f"{request.path}/{row.pk}"}
        return Response(shapes.target(row), status=201, headers=headers)


class TargetView(View):
    """``GET PATCH DELETE notification-targets/{id}``."""

    @operation(
        needs=Permission.FLEET_READ,
        answers={200: answers.Target},
    )
    def get(self, request: Request, target_id: UUID) -> Response:
        """Show a target."""
        return Response(shapes.target(selectors.target(target_id, principal_of(request))))

    @operation(
        needs=Permission.FLEET_WRITE,
        body=ChangedTarget,
        answers={200: answers.Target},
        refuses=(Conflict,),
    )
    def patch(self, request: Request, target_id: UUID) -> Response:
        """Change some of what a target is."""
        body = conversion.convert(request.data, ChangedTarget)
        changes = _columns(body) | ({} if body.url is UNSET else {"url": body.url})
        row = targets.change(
            target_id,
            changes,
            principal=principal_of(request),
            allowed=conf.allowed(),
            now=clock.now(),
        )
        return Response(shapes.target(row))

    @operation(
        needs=Permission.FLEET_WRITE,
        answers={204: None},
    )
    def delete(self, request: Request, target_id: UUID) -> Response:
        """End a target, with all that it was told."""
        targets.delete(target_id, principal=principal_of(request))
        return Response(status=204)


class TestView(View):
    """``POST notification-targets/{id}/test``."""

    @operation(
        needs=Permission.FLEET_WRITE,
        body=Nothing,
        answers={200: answers.Notification, 202: answers.Notification},
        refuses=(Conflict,),
        repeats=Repeats.IN_PARTS,
    )
    def post(self, request: Request, target_id: UUID) -> Response:
        """Send a test and say what became of it; 202 while no worker has tried yet."""
        conversion.convert(request.data, Nothing)
        row = targets.send_test(target_id, principal=principal_of(request), now=clock.now())
        _await_end(row)
        status = 202 if row.state == State.WAITING else 200
        return Response(shapes.notification(row), status=status)


def _await_end(row: Notification) -> None:
    pause = threading.Event()
    for _ in range(int(TEST_WITHIN_S / POLL_S)):
        row.refresh_from_db()
        if row.state != State.WAITING:
            return
        pause.wait(POLL_S)


def _columns(body: NewTarget | ChangedTarget) -> dict[str, Any]:
    """Return the columns that a body gives; where it is and its address are others' business."""
    given = {
        name: value
        for name, value in structs.asdict(body).items()
        if value is not UNSET and name not in {"url", "project", "pool"}
    }
    if "events" in given:
        given["events"] = sorted({str(event) for event in given["events"]})
        if Event.TEST in given["events"]:
            problem = FieldProblem("/events", "enum", "a test is sent by POST .../test")
            raise Invalid("events: " + problem.detail, errors=[problem])
    return given


def _place(body: NewTarget, principal: Principal) -> dict[str, Any]:
    """Return project and pool of a new target.

    Raises:
        Invalid: there is none of this name for the caller, or a pool without its project.
    """
    project = _project(body.project, principal)
    if body.pool is None:
        return {"project": project, "pool_id": None}
    if project is None:
        problem = FieldProblem("/project", "required", "name the project of the pool")
        raise Invalid("project: " + problem.detail, errors=[problem])
    name = PoolName(str(project.pk), body.pool)
    found = pools.pools_named([name], principal).get(name)
    if found is None:
        problem = FieldProblem("/pool", "unknown", f"project {project.name} has no such pool")
        raise Invalid("pool: " + problem.detail, errors=[problem])
    return {"project": project, "pool_id": found.id}


def _project(name: str | None, principal: Principal) -> Project | None:
    if name is None and not principal.may(Permission.FLEET_WRITE, None):
        problem = FieldProblem("/project", "required", "name one of your projects")
        raise Invalid("project: " + problem.detail, errors=[problem])
    if name is None:
        return None
    return places.project_named(name, principal, Permission.FLEET_WRITE)
