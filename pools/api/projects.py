"""Projects over REST: list, make, read."""

from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from k8s4r import clock
from k8s4r.access import selectors as access
from k8s4r.api import paging
from k8s4r.api.permissions import IsPerson
from k8s4r.api.requests import principal_of
from k8s4r.core import conversion
from k8s4r.core.errors import Forbidden
from pools.api import shapes
from pools.api.bodies import NewProject
from pools.services import founding


class ProjectsView(APIView):
    """``GET projects``, ``POST projects``."""

    permission_classes = (IsPerson,)

    def get(self, request: Request) -> Response:
        """List projects by name."""
        paging.check_parameters(request)
        page = paging.page_from(request, ("name",))
        rows = access.projects(principal_of(request))
        return paging.answer(request, page, list(paging.rows_of(page, rows)), shapes.project)

    def post(self, request: Request) -> Response:
        """Make a project with its default pool."""
        body = conversion.convert(request.data, NewProject)
        if principal_of(request).project_ids is not None:
            raise Forbidden("this token is for one project only")
        row = founding.found(
            body.name,
            actor=principal_of(request).actor,
            description=body.description,
            weight=body.weight,
            now=clock.now(),
        )
        headers = {"Location": f"{request.path}/{row.pk}"}
        return Response(shapes.project(row), status=201, headers=headers)


class ProjectView(APIView):
    """``GET projects/{id}``."""

    permission_classes = (IsPerson,)

    def get(self, request: Request, project_id: UUID) -> Response:
        """Show a project."""
        row = access.project_named(str(project_id), principal_of(request))
        return Response(shapes.project(row))
