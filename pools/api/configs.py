"""K8s configs over REST: list, make, read, change, end, make the default."""

from collections.abc import Mapping
from functools import partial
from typing import Final, Literal, TypeAlias
from uuid import UUID

from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from agents.api.bodies import Nothing
from k8s4r import clock
from k8s4r.api import conditions, paging, places
from k8s4r.api.answers import Page
from k8s4r.api.conditions import IfMatch
from k8s4r.api.operations import Repeats, operation
from k8s4r.api.requests import principal_of
from k8s4r.api.views import View
from k8s4r.core import conversion
from k8s4r.core.errors import Conflict, PreconditionFailed, Unavailable
from k8s4r.core.roles import Permission
from pools import selectors
from pools.api import config_answers, config_shapes, intake
from pools.api.intake import ChangedConfig, NewConfig, ReplacedConfig
from pools.models import K8sConfig
from pools.services import configs

SORTS: Final[Mapping[str, tuple[str, ...]]] = {
    "name": ("name", "id"),
    "created_at": ("created_at", "id"),
}
_FILTERS: Final = {"project": "project__name", "name": "name"}
Sort: TypeAlias = Literal["name", "-name", "created_at", "-created_at"]
# What a caller who changes a config has looked at.
SETTINGS: Final = (
    "name", "description", "server", "ca_data", "tls_server_name", "context_name", "namespace",
    "credential_kind", "encrypted_credential", "service_account_name", "image_pull_secrets",
    "pod_template", "is_default", "active", "metadata",
)  # fmt: skip


class ConfigQuery(paging.PageQuery):
    """``GET k8s-configs``: with ``project``, the name of one, only its own; or by ``name``."""

    project: str | None = None
    name: str | None = None
    sort: Sort | None = None


class ConfigsView(View):
    """``GET k8s-configs``, ``POST k8s-configs``."""

    @operation(
        needs=Permission.FLEET_READ,
        query=ConfigQuery,
        answers={200: Page[config_answers.K8sConfig]},
    )
    def get(self, request: Request) -> Response:
        """List K8s configs by name."""
        page = paging.page_from(request, ("name", "id"), SORTS)
        found = list(paging.rows_of(page, _asked(request)))
        return paging.answer(request, page, found, config_shapes.configs(found))

    @operation(
        needs=Permission.FLEET_WRITE,
        body=NewConfig,
        answers={201: config_answers.K8sConfig},
        refuses=(Conflict, Unavailable),
        repeats=Repeats.TOGETHER,
        located=True,
    )
    def post(self, request: Request) -> Response:
        """Make a K8s config; what opens the cluster is shown to nobody again."""
        body = conversion.convert(request.data, NewConfig)
        principal, now = principal_of(request), clock.now()
        project = places.project_named(body.project, principal, Permission.FLEET_WRITE)
        columns, credential = intake.given(body)
        assert credential is not None, "a new config has one"
        row = configs.create(columns, credential, project=project, principal=principal, now=now)
        headers = {"Location": f"{request.path}/{row.pk}"}
        return Response(config_shapes.config(row), status=201, headers=headers)


class ConfigView(View):
    """``GET PUT PATCH DELETE k8s-configs/{id}``."""

    @operation(needs=Permission.FLEET_READ, answers={200: config_answers.K8sConfig})
    def get(self, request: Request, config_id: UUID) -> Response:
        """Show a K8s config."""
        row = selectors.config(config_id, principal_of(request))
        return conditions.tagged(config_shapes.config(row), row, SETTINGS)

    @operation(
        needs=Permission.FLEET_WRITE,
        body=ReplacedConfig,
        answers={200: config_answers.K8sConfig},
        headers=IfMatch,
        refuses=(Conflict, PreconditionFailed, Unavailable),
    )
    def put(self, request: Request, config_id: UUID) -> Response:
        """Replace what a K8s config is; without a connection it keeps its own."""
        return self._changed(request, config_id, conversion.convert(request.data, ReplacedConfig))

    @operation(
        needs=Permission.FLEET_WRITE,
        body=ChangedConfig,
        answers={200: config_answers.K8sConfig},
        headers=IfMatch,
        refuses=(Conflict, PreconditionFailed, Unavailable),
    )
    def patch(self, request: Request, config_id: UUID) -> Response:
        """Change some of what a K8s config is."""
        return self._changed(request, config_id, conversion.convert(request.data, ChangedConfig))

    @operation(
        needs=Permission.FLEET_WRITE,
        answers={204: None},
        headers=IfMatch,
        refuses=(Conflict, PreconditionFailed),
    )
    def delete(self, request: Request, config_id: UUID) -> Response:
        """End a K8s config that no pool uses; its credential is forgotten."""
        principal = principal_of(request)

        def end() -> Response:
            configs.archive(config_id, principal=principal, now=clock.now())
            return Response(status=204)

        lock = partial(configs.locked, config_id, principal)
        return conditions.unless_changed(request, lock, SETTINGS, end)

    def _changed(
        self, request: Request, config_id: UUID, body: ReplacedConfig | ChangedConfig
    ) -> Response:
        principal, now = principal_of(request), clock.now()
        row = selectors.config(config_id, principal)
        principal.require(Permission.FLEET_WRITE, row.project_id)
        columns, credential = intake.given(body, row)

        def change() -> Response:
            changed = configs.change(config_id, columns, credential, principal=principal, now=now)
            return conditions.tagged(config_shapes.config(changed), changed, SETTINGS)

        lock = partial(configs.locked, config_id, principal)
        return conditions.unless_changed(request, lock, SETTINGS, change)


class DefaultView(View):
    """``POST k8s-configs/{id}/set-default``."""

    @operation(
        needs=Permission.FLEET_WRITE,
        body=Nothing,
        answers={200: config_answers.K8sConfig},
        repeats=Repeats.TOGETHER,
    )
    def post(self, request: Request, config_id: UUID) -> Response:
        """Make a K8s config the default of its project, and no other."""
        conversion.convert(request.data, Nothing)
        row = configs.set_default(config_id, principal=principal_of(request), now=clock.now())
        return Response(config_shapes.config(row))


def _asked(request: Request) -> QuerySet[K8sConfig]:
    paging.check_parameters(request, (*_FILTERS, paging.SORT))
    rows = selectors.configs(principal_of(request))
    for name, column in _FILTERS.items():
        text = paging.word(request, name)
        if text is not None:
            rows = rows.filter(**{column: text})
    return rows
