"""Projects over REST: list, make, read, change."""

from collections.abc import Mapping
from functools import partial
from typing import Final, Literal
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from k8s4r import clock
from k8s4r.access import selectors as access
from k8s4r.access.services import projects
from k8s4r.api import conditions, paging, places
from k8s4r.api.answers import Page
from k8s4r.api.conditions import IfMatch
from k8s4r.api.operations import Repeats, operation
from k8s4r.api.requests import principal_of
from k8s4r.api.views import View
from k8s4r.core import conversion
from k8s4r.core.errors import Conflict, Forbidden, PreconditionFailed
from k8s4r.core.roles import Permission
from pools.api import answers, bodies, shapes
from pools.api.bodies import ChangedProject, NewProject, ReplacedProject
from pools.services import founding

SORTS: Final[Mapping[str, tuple[str, ...]]] = {
    "name": ("name",),
    "created_at": ("created_at", "id"),
}


# What a caller who changes a project has looked at.
SETTINGS: Final = ("description", "weight")


class ProjectQuery(paging.PageQuery):
    """``GET projects``."""

    sort: Literal["name", "-name", "created_at", "-created_at"] | None = None


class ProjectsView(View):
    """``GET projects``, ``POST projects``."""

    @operation(
        needs=Permission.PROJECT_READ,
        query=ProjectQuery,
        answers={200: Page[answers.Project]},
    )
    def get(self, request: Request) -> Response:
        """List projects by name."""
        paging.check_parameters(request, (paging.SORT,))
        page = paging.page_from(request, ("name",), SORTS)
        rows = access.projects(principal_of(request))
        return paging.answer(request, page, list(paging.rows_of(page, rows)), shapes.project)

    @operation(
        needs=Permission.PROJECT_WRITE,
        body=NewProject,
        answers={201: answers.Project},
        refuses=(Conflict,),
        repeats=Repeats.TOGETHER,
        located=True,
    )
    def post(self, request: Request) -> Response:
        """Make a project with its default pool."""
        body = conversion.convert(request.data, NewProject)
        if Permission.PROJECT_WRITE not in principal_of(request).rights.everywhere:
            raise Forbidden("a new project needs project.write in every project")
        row = founding.found(
            body.name,
            actor=principal_of(request).actor,
            description=body.description,
            weight=body.weight,
            now=clock.now(),
        )
        headers = {"Location": f"{request.path}/{row.pk}"}
        return Response(shapes.project(row), status=201, headers=headers)


class ProjectView(View):
    """``GET PUT PATCH projects/{id}``."""

    @operation(
        needs=Permission.PROJECT_READ,
        answers={200: answers.Project},
    )
    def get(self, request: Request, project_id: UUID) -> Response:
        """Show a project."""
        row = places.project_at(project_id, principal_of(request))
        return conditions.tagged(shapes.project(row), row, SETTINGS)

    @operation(
        needs=Permission.PROJECT_WRITE,
        body=ReplacedProject,
        answers={200: answers.Project},
        headers=IfMatch,
        refuses=(PreconditionFailed,),
    )
    def put(self, request: Request, project_id: UUID) -> Response:
        """Replace what a project is; its name stays."""
        return self._changed(request, project_id, conversion.convert(request.data, ReplacedProject))

    @operation(
        needs=Permission.PROJECT_WRITE,
        body=ChangedProject,
        answers={200: answers.Project},
        headers=IfMatch,
        refuses=(PreconditionFailed,),
    )
    def patch(self, request: Request, project_id: UUID) -> Response:
        """Change some of what a project is."""
        return self._changed(request, project_id, conversion.convert(request.data, ChangedProject))

    def _changed(
        self, request: Request, project_id: UUID, body: ReplacedProject | ChangedProject
    ) -> Response:
        principal = principal_of(request)
        places.project_at(project_id, principal, Permission.PROJECT_WRITE)
        changes = bodies.given(body)

        def change() -> Response:
            row = projects.change(project_id, changes, actor=principal.actor)
            return conditions.tagged(shapes.project(row), row, SETTINGS)

        lock = partial(projects.locked, project_id)
        return conditions.unless_changed(request, lock, SETTINGS, change)
